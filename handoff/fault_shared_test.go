package handoff

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { helpers["meddle"] = helperMeddle }

// helperMeddle is a worker that does to its listener, at 3, what workers do.
func helperMeddle(args []string) error {
	switch args[0] {
	case "shutdown":
		return unix.Shutdown(3, unix.SHUT_RDWR)
	case "shutdown-read":
		return unix.Shutdown(3, unix.SHUT_RD)
	case "blocking":
		return unix.SetNonblock(3, false)
	case "nonblocking":
		return unix.SetNonblock(3, true)
	case "listen5":
		return unix.Listen(3, 5)
	case "listen2000":
		return unix.Listen(3, 2000)
	}
	return errors.New("what?")
}

func meddleT(t testing.TB, l *Listener, what string) {
	t.Helper()
	runT(t, "meddle", l.FDs()[:1], what)
}

func watchT(t testing.TB, ls ...*Listener) *Watch {
	t.Helper()
	w, err := NewWatch(ls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// troubleT waits for trouble with l. Others about l may come first: two names can vanish at once.
func troubleT(t testing.TB, w *Watch, l *Listener, what string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case trouble := <-w.C():
			if trouble.Listener != l {
				t.Fatalf("trouble with %s: %s", trouble.Listener.Address(), trouble.What)
			}
			if strings.Contains(trouble.What, what) {
				return
			}
		case <-timeout:
			t.Fatalf("the watch never told of %q", what)
		}
	}
}

func TestW8ListenerShutDown(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", "[::]:0", "127.0.0.1:0,reuseport=2"} {
		l := openT(t, text)
		address := l.Address()
		w := watchT(t, l)
		for range 2 { // the second time the watch has to be armed again
			meddleT(t, l, "shutdown")
			troubleT(t, w, l, "shut down")
			if queued, backlog, err := l.Queue(); err != nil || queued != 0 || len(l.FDs()) == 1 && backlog != 0 {
				t.Fatal(queued, backlog, err)
			}
			repairT(t, l, "listens again")
			if a, err := addressOf(l.FDs()[0]); err != nil || a != address {
				t.Fatalf("the port changed from %s to %s: %v", address, a, err)
			}
			if len(l.FDs()) == 1 {
				answeredT(t, l)
			}
		}
	}
}

func TestW8UnixListenerShutDown(t *testing.T) {
	for _, what := range []string{"shutdown", "shutdown-read"} {
		path := sockPath(t)
		l := openT(t, path+",mode=0660")
		w := watchT(t, l)
		for range 2 {
			before, fds := l.Inodes(), l.FDs()
			worker, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 3) // a worker that keeps the dead socket
			if err != nil {
				t.Fatal(err)
			}
			meddleT(t, l, what)
			troubleT(t, w, l, "shut down")
			repairT(t, l, "bound anew")
			_ = unix.Close(worker)
			if slices.Equal(before, l.Inodes()) || !slices.Equal(fds, l.FDs()) {
				t.Fatal("inodes must change, and numbers must not")
			}
			answeredT(t, l)
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
				t.Fatal(st, err)
			}
			if names := listT(t, filepath.Dir(path)); len(names) != 2 {
				t.Fatalf("names %q", names)
			}
		}
	}
}

func TestW8AbstractListenerShutDown(t *testing.T) {
	l := openT(t, "unix:@handoff-test-w8")
	meddleT(t, l, "shutdown")
	if _, err := l.Repair(); err == nil || !strings.Contains(err.Error(), "cannot be bound anew") {
		t.Fatal(err)
	}
}

func TestW8FlagsChanged(t *testing.T) {
	nonblocking := func(l *Listener) bool { return hasFlag(t, l.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) }
	l := openT(t, "127.0.0.1:0")
	meddleT(t, l, "nonblocking") // an event loop: the new normal
	repairT(t, l)
	meddleT(t, l, "blocking")
	repairT(t, l, "cleared O_NONBLOCK")
	if !nonblocking(l) {
		t.Fatal("an event loop would freeze")
	}
	repairT(t, l)

	pinned := openT(t, "127.0.0.1:0,blocking")
	meddleT(t, pinned, "nonblocking")
	repairT(t, pinned, "set O_NONBLOCK")
	if nonblocking(pinned) {
		t.Fatal("blocking was asked for")
	}
}

// Trap 1: passing the socket on changes nothing on it.
func TestW8PassingKeepsFlags(t *testing.T) {
	l := openT(t, "127.0.0.1:0,nonblocking")
	meddleT(t, l, "listen2000") // anything: it is passed on
	if !hasFlag(t, l.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) {
		t.Fatal("the flag was flipped")
	}
}

func TestBacklogPutBack(t *testing.T) {
	path := sockPath(t)
	for _, address := range []string{"127.0.0.1:0", path} {
		l := openT(t, address+",backlog=64")
		for what, was := range map[string]string{"listen5": "backlog 5", "listen2000": "backlog 2000"} {
			meddleT(t, l, what)
			repairT(t, l, was)
			if _, backlog, err := l.Queue(); err != nil || backlog != 64 {
				t.Fatal(backlog, err)
			}
		}
		_ = l.Close()
		// Nobody asked for one: more is welcome, less is mended.
		l = openT(t, address)
		meddleT(t, l, "listen2000")
		repairT(t, l)
		meddleT(t, l, "listen5")
		repairT(t, l, "backlog 5")
	}
}

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
