package handoff

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestL10BacklogOverflow(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0,backlog=2", sockPath(t) + ",backlog=2"} {
		l := openT(t, text)
		for range 20 {
			fd, _ := startConnect(t, l)
			t.Cleanup(func() { _ = unix.Close(fd) })
		}
		queued, backlog, err := l.Queue()
		if err != nil || queued != 3 || backlog != 2 { // the kernel lets one more in than it was told
			t.Fatalf("%s: queued %d, backlog %d, %v", text, queued, backlog, err)
		}
		for range 3 {
			acceptT(t, l)
		}
		answeredAmongT(t, l)
	}
}

// answeredAmongT accepts until a new client was answered: others may be in the queue before it.
func answeredAmongT(t testing.TB, l *Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		c, err := dial(l)
		if err == nil {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			_, err = c.Read(make([]byte, 5))
			_ = c.Close()
		}
		done <- err
	}()
	for {
		p := []unix.PollFd{{Fd: int32(l.FDs()[0]), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, 10); err == nil && n == 1 {
			c, _, err := unix.Accept4(l.FDs()[0], unix.SOCK_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = unix.SendmsgN(c, []byte("hello"), nil, nil, unix.MSG_NOSIGNAL)
			_ = unix.Close(c)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

// startConnect begins a connection and does not wait for it.
func startConnect(t testing.TB, l *Listener) (int, error) {
	t.Helper()
	domain, sa := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: l.Address()})
	if l.Network() == TCP {
		a, err := net.ResolveTCPAddr("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		domain, sa = unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd, unix.Connect(fd, sa)
}

func TestL16QueueAtTheLastStop(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", sockPath(t), "unix:@handoff-test-l16"} {
		t.Run(text, func(t *testing.T) {
			l := openT(t, text)
			sealedQueueT(t, l, func(int) int { return acceptT(t, l) })
			if l.Network() != TCP {
				if err := l.Unseal(); !errors.Is(err, errors.ErrUnsupported) {
					t.Fatal(err)
				}
			}
		})
	}
}

// sealedQueueT puts 8 requests in the queue, seals, and has them accepted and answered; nothing else comes in.
func sealedQueueT(t *testing.T, l *Listener, accept func(i int) int) {
	t.Helper()
	const n = 8
	var clients []net.Conn
	for i := range n {
		c := dialT(t, l)
		if _, err := fmt.Fprintf(c, "request %d", i); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	if q, _, err := l.Queue(); err != nil || q != n {
		t.Fatal(q, err)
	}
	for range 2 {
		if err := l.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	late, err := startConnect(t, l)
	defer unix.Close(late)
	if q, _, qerr := l.Queue(); qerr != nil || q != n {
		t.Fatalf("after the seal %d are queued, %v", q, qerr)
	}
	if l.Network() == TCP && !errors.Is(err, unix.EINPROGRESS) || l.Network() == Unix && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("the late one got %v", err)
	}
	for i := range n {
		fd := accept(i)
		b := make([]byte, 64)
		k, err := unix.Read(fd, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, append([]byte("answer to "), b[:k]...)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range clients {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 64)
		k, err := c.Read(b)
		if want := fmt.Sprintf("answer to request %d", i); err != nil || string(b[:k]) != want {
			t.Fatalf("client %d got %q, %v", i, b[:k], err)
		}
	}
	if q, _, err := l.Queue(); err != nil || q != 0 {
		t.Fatalf("%d left, %v", q, err)
	}
	repairT(t, l) // a sealed one is left as it is
}

// A client in the middle of its handshake when the seal comes is let in: with TCP_DEFER_ACCEPT that is a long middle.
func TestL16HandshakeUnderSeal(t *testing.T) {
	l := openT(t, "127.0.0.1:0,defer_accept=60")
	c := dialT(t, l)
	if q, _, err := l.Queue(); err != nil || q != 0 {
		t.Fatal(q, err)
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	fd := acceptT(t, l)
	b := make([]byte, 9)
	if n, err := unix.Read(fd, b); err != nil || string(b[:n]) != "hello" {
		t.Fatal(string(b[:n]), err)
	}
}

// Who knocks at a sealed TCP listener is not refused: it comes in when the seal is off.
func TestL16Unseal(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	fd, err := startConnect(t, l)
	defer unix.Close(fd)
	if !errors.Is(err, unix.EINPROGRESS) {
		t.Fatal(err)
	}
	if err := l.Unseal(); err != nil {
		t.Fatal(err)
	}
	acceptT(t, l)
	answeredT(t, l)
	u := openT(t, "udp:127.0.0.1:0")
	c := dialT(t, u)
	if err := u.Seal(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if q, _, err := u.Queue(); err != nil || q != 0 {
		t.Fatal(q, err)
	}
	if err := u.Unseal(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if q, limit, err := u.Queue(); err != nil || q == 0 || limit == 0 {
		t.Fatal(q, limit, err)
	}
}

// A listener that the configuration no longer has: we are done with it, the old workers empty its queue.
func TestL17RemovedListenerDrains(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	worker, err := unix.FcntlInt(uintptr(l.FDs()[0]), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(worker)
	sealedQueueT(t, l, func(int) int {
		fd, _, err := unix.Accept4(worker, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
