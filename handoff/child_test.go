package handoff

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spawnT runs a helper as a child with the descriptors at 3, 4, … and waits for its end. It is syscall.ForkExec, because os/exec would
// clear O_NONBLOCK on what it passes (trap 1).
func spawnT(t testing.TB, helper string, fds []int, args ...string) (output string, ok bool) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	files := []uintptr{null.Fd(), w.Fd(), w.Fd()}
	for _, fd := range fds {
		files = append(files, uintptr(fd))
	}
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{"helper"}, args...), &syscall.ProcAttr{
		Env: helperEnv(helper), Files: files,
	})
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR {
			break
		}
	}
	return string(b), err == nil && status.ExitStatus() == 0
}

// helperEnv: a binary with -race sleeps for a second at its exit, unless told not to.
func helperEnv(helper string) []string {
	return append(os.Environ(), "HANDOFF_HELPER="+helper, "GORACE=atexit_sleep_ms=0")
}

// runT is spawnT for a helper that must succeed.
func runT(t testing.TB, helper string, fds []int, args ...string) string {
	t.Helper()
	out, ok := spawnT(t, helper, fds, args...)
	if !ok {
		t.Fatalf("helper %s %s failed: %s", helper, strings.Join(args, " "), out)
	}
	return out
}

// child is a helper that runs beside the test until its stdin ends.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// startT starts a helper, under a wrapper command if there is one, and waits for its first line.
func startT(t testing.TB, wrapper []string, helper string, args ...string) (*child, string) {
	t.Helper()
	argv := append(append(append([]string{}, wrapper...), "/proc/self/exe"), args...)
	if len(wrapper) > 0 { // there /proc/self/exe would be the wrapper's
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		argv[len(wrapper)] = exe
	}
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = helperEnv(helper)
	c.Stderr = os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	h := &child{c, in, bufio.NewReader(out)}
	t.Cleanup(func() { h.end(t) })
	return h, h.lineT(t)
}

func (c *child) lineT(t testing.TB) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the child said nothing: %v", err)
	}
	return strings.TrimSpace(line)
}

// end closes stdin, which every such helper takes as its end, and waits.
func (c *child) end(t testing.TB) {
	if c.cmd == nil {
		return
	}
	_ = c.stdin.Close()
	timer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("child: %v", err)
	}
	c.cmd = nil
}

// inNetT runs a helper in a network namespace of its own, with lo up.
func inNetT(t testing.TB, helper string, args ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("unshare", append([]string{"-n", exe}, args...)...)
	c.Env = helperEnv(helper)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("in a network namespace: %v\n%s", err, out)
	}
}

func ip(args ...string) error { return exec.Command("ip", args...).Run() }

// untilStdinEnds keeps a helper alive.
func untilStdinEnds() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func becomeNobody() error {
	const nobody = 65534
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(nobody); err != nil {
		return err
	}
	return syscall.Setuid(nobody)
}
