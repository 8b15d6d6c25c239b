package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for something that has to come. It is no measure of speed.
const patience = 60 * time.Second

// TestMain runs the tests, or, as a child that a test started, one of helpers. Afterwards no goroutine, descriptor or child may be left.
func TestMain(m *testing.M) {
	if name := os.Getenv("HANDOFF_HELPER"); name != "" {
		if err := helpers[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	warmUp()
	before := openFiles()
	code := m.Run()
	if code == 0 {
		if err := leaks(before); err != nil {
			fmt.Fprintln(os.Stderr, "leaked:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// warmUp makes the descriptors that the runtime keeps (its poller, and /dev/null or urandom of some packages) before they are counted.
func warmUp() {
	r, w, err := os.Pipe()
	if err == nil {
		_ = r.SetReadDeadline(time.Unix(1, 0))
		_ = r.Close()
		_ = w.Close()
	}
}

func leaks(before map[string]string) error {
	if err := goleak.Find(); err != nil {
		return err
	}
	runtime.GC()
	for fd, target := range openFiles() {
		if was, ok := before[fd]; !ok || was != target {
			return fmt.Errorf("descriptor %s: %s", fd, target)
		}
	}
	pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
	if !errors.Is(err, unix.ECHILD) {
		return fmt.Errorf("a child: wait4 says %d, %v", pid, err)
	}
	return nil
}

func openFiles() map[string]string {
	open := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			open[e.Name()] = target
		}
	}
	return open
}

func parseT(t testing.TB, text string) Spec {
	t.Helper()
	s, err := ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openT(t testing.TB, text string) *Listener {
	t.Helper()
	l, err := Open(context.Background(), parseT(t, text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// refusedT opens what must not open, and returns why.
func refusedT(t testing.TB, text string, want ...string) error {
	t.Helper()
	l, err := Open(context.Background(), parseT(t, text))
	if err == nil {
		_ = l.Close()
		t.Fatalf("%s was opened", text)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("the error of %s does not say %q: %v", text, w, err)
		}
	}
	return err
}

// dialT connects, and fails the test if nobody answers.
func dialT(t testing.TB, l *Listener) net.Conn {
	t.Helper()
	c, err := dial(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dial(l *Listener) (net.Conn, error) {
	return net.DialTimeout(l.Network(), l.Address(), patience)
}

// acceptT takes one connection from the queue of the first socket; there must be one.
func acceptT(t testing.TB, l *Listener) int {
	t.Helper()
	fd := l.FDs()[0]
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(patience); ; {
		n, err := unix.Poll(p, int(time.Until(deadline).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("nothing to accept: %v", err)
		}
		break
	}
	c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(c) })
	return c
}

// answeredT proves that a client reaches the socket of l.
func answeredT(t testing.TB, l *Listener) {
	t.Helper()
	client := dialT(t, l)
	server := acceptT(t, l)
	if _, err := unix.Write(server, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 5)
	if _, err := client.Read(b); err != nil || string(b) != "hello" {
		t.Fatalf("read %q, %v", b, err)
	}
}

func listT(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func sockPath(t testing.TB) string { return filepath.Join(t.TempDir(), "app.sock") }

func repairT(t testing.TB, l *Listener, want ...string) {
	t.Helper()
	mended, err := l.Repair()
	if err != nil {
		t.Fatal(err)
	}
	if len(mended) != len(want) {
		t.Fatalf("mended %q, want %q", mended, want)
	}
	for i := range want {
		if !strings.Contains(mended[i], want[i]) {
			t.Fatalf("mended %q, want %q", mended, want)
		}
	}
}

var helpers = map[string]func(args []string) error{}
