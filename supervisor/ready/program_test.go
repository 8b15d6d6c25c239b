package ready

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait of these tests. It is never used up but by a bug.
const patience = 60 * time.Second

// program is a real server in a process of its own. It finds the socket at fd
// 3. It writes a byte to fd 5 when it has come as far as its initialisation,
// which lasts until it can read a byte from fd 4.
type program struct {
	t     testing.TB
	cmd   *exec.Cmd
	begun *os.File
	goOn  *os.File
}

func start(t testing.TB, sock *socket, argv []string, env ...string) *program {
	t.Helper()
	goOnR, goOnW := pipe(t)
	begunR, begunW := pipe(t)
	p := &program{t: t, begun: begunR, goOn: goOnW, cmd: exec.Command(argv[0], argv[1:]...)}
	p.cmd.ExtraFiles = []*os.File{sock.file, goOnR, begunW}
	p.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	goOnR.Close()
	begunW.Close()
	return p
}

func (p *program) pid() int { return p.cmd.Process.Pid }

func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// waitBegun returns what the program said when it began to initialise.
func (p *program) waitBegun() byte {
	p.t.Helper()
	p.begun.SetReadDeadline(time.Now().Add(patience))
	var b [1]byte
	if _, err := io.ReadFull(p.begun, b[:]); err != nil {
		p.t.Fatalf("the program did not come to its initialisation: %v", err)
	}
	return b[0]
}

func (p *program) proceed() {
	p.t.Helper()
	if _, err := p.goOn.Write([]byte("x")); err != nil {
		p.t.Fatal(err)
	}
}

// waitSleeping waits until the main thread sleeps in the kernel.
func (p *program) waitSleeping(call int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("sleep in system call %d", call), func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.pid()))
		c, ok := parseCall(b)
		return err == nil && ok && c.nr == call
	})
}

func (p *program) mustArmed(sock *socket, want string) {
	p.t.Helper()
	got := "never looked"
	defer func() {
		if p.t.Failed() {
			p.t.Logf("last look: %q", got)
		}
	}()
	eventually(p.t, "be armed by "+want, func() bool {
		var err error
		if got, err = Armed(p.pid(), []uint64{1, sock.inode}); err != nil {
			p.t.Fatal(err)
		}
		return got == want
	})
}

// mustNotArmed looks again and again: no moment may be wrong.
func (p *program) mustNotArmed(sock *socket) {
	p.t.Helper()
	for range 20 {
		how, err := Armed(p.pid(), []uint64{sock.inode})
		if err != nil || how != "" {
			p.t.Fatalf("Armed = %q, %v while it initialises", how, err)
		}
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("did not %s within %s", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// socket is a listener as the herder makes it.
type socket struct {
	file    *os.File // its Fd method would make the socket block, in the program too
	inode   uint64
	address string
	network string
}

func listen(t testing.TB, network string) *socket {
	t.Helper()
	var ln interface {
		File() (*os.File, error)
		Close() error
	}
	var addr net.Addr
	switch network {
	case "tcp", "tcp6", "tcp6 only":
		kind, host := "tcp", "[::]:0"
		if network == "tcp" {
			host = "127.0.0.1:0"
		} else if network == "tcp6 only" {
			kind = "tcp6" // not for IPv4
		}
		config := net.ListenConfig{}
		config.SetMultipathTCP(false)
		l, err := config.Listen(t.Context(), kind, host)
		if err != nil {
			t.Fatal(err)
		}
		ln, addr = l.(*net.TCPListener), l.Addr()
	case "udp":
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		ln, addr = c, c.LocalAddr()
	case "unix":
		l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: t.TempDir() + "/s"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		ln, addr = l, l.Addr()
	}
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	t.Cleanup(func() { f.Close() })
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return &socket{file: f, inode: st.Ino, address: addr.String(), network: strings.TrimSuffix(strings.TrimSuffix(network, " only"), "6")}
}

func (s *socket) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(s.network, s.address, patience)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

func (s *socket) mustAnswer(t testing.TB) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if s.network == "udp" {
		b := make([]byte, 100)
		n, err := c.Read(b)
		if err != nil || string(b[:n]) != "ok" {
			t.Fatalf("answer %q, %v", b[:n], err)
		}
		return
	}
	b, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(b), "ok") {
		t.Fatalf("answer %q, %v", b, err)
	}
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
