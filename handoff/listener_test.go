package handoff

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenAnswers(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{
		"127.0.0.1:0", "[::1]:0", ":0", "localhost:0", "127.0.0.1:0,nodelay,keepalive,fastopen=16,rcvbuf=64k,sndbuf=64k,freebind",
		"unix:" + dir + "/a.sock", "unix:@handoff-test-a", "127.0.0.1:0,device=lo", "127.0.0.1:0,nonblocking",
	} {
		t.Run(text, func(t *testing.T) {
			l := openT(t, text)
			answeredT(t, l)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := dial(l); err == nil {
				t.Fatal("a closed listener answers")
			}
		})
	}
}

// Trap 2: net.Listen makes MPTCP sockets. Trap 1 and SERVERS A0: the flags a socket is born with.
func TestBornRight(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	fd := l.FDs()[0]
	if p, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || p != unix.IPPROTO_TCP {
		t.Fatalf("protocol %d, %v", p, err)
	}
	if !hasFlag(t, fd, unix.F_GETFD, unix.FD_CLOEXEC) {
		t.Fatal("not CLOEXEC")
	}
	if hasFlag(t, fd, unix.F_GETFL, unix.O_NONBLOCK) {
		t.Fatal("not blocking")
	}
	if r, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR); err != nil || r != 1 {
		t.Fatalf("SO_REUSEADDR %d, %v", r, err)
	}
	n := openT(t, "127.0.0.1:0,nonblocking")
	if !hasFlag(t, n.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) {
		t.Fatal("nonblocking was not obeyed")
	}
}

func hasFlag(t testing.TB, fd, get, flag int) bool {
	t.Helper()
	v, err := unix.FcntlInt(uintptr(fd), get, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v&flag != 0
}

func TestOptionsReachTheKernel(t *testing.T) {
	l := openT(t, "127.0.0.1:0,backlog=7,nodelay,keepalive,defer_accept=3,fastopen=16,freebind,rcvbuf=65536,sndbuf=65536,device=lo")
	fd := l.FDs()[0]
	for _, c := range []struct {
		name             string
		level, opt, want int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_FASTOPEN", unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16},
		{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 2 * 65536}, // the kernel doubles it (socket(7))
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * 65536},
	} {
		if got, err := unix.GetsockoptInt(fd, c.level, c.opt); err != nil || got != c.want {
			t.Errorf("%s is %d, %v; want %d", c.name, got, err, c.want)
		}
	}
	if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT); err != nil || got < 3 {
		t.Errorf("TCP_DEFER_ACCEPT is %d, %v", got, err)
	}
	if got, err := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil || got != "lo" {
		t.Errorf("SO_BINDTODEVICE is %q, %v", got, err)
	}
	if _, backlog, err := l.Queue(); err != nil || backlog != 7 {
		t.Errorf("backlog is %d, %v", backlog, err)
	}
}

func TestReusePort(t *testing.T) {
	l := openT(t, "127.0.0.1:0,reuseport=3")
	if len(l.FDs()) != 3 || len(l.Inodes()) != 3 || l.Inodes()[0] == l.Inodes()[1] {
		t.Fatalf("fds %v, inodes %v", l.FDs(), l.Inodes())
	}
	for _, fd := range l.FDs() {
		if a, err := addressOf(fd); err != nil || a != l.Address() {
			t.Fatalf("fd %d has %s, %v; want %s", fd, a, err, l.Address())
		}
	}
	// Another process of our uid with SO_REUSEPORT would share it in silence; Open must not.
	refusedT(t, l.Address()+",reuseport=2", "in use")
	u := openT(t, "udp:127.0.0.1:0,reuseport=2")
	refusedT(t, "udp:"+u.Address()+",reuseport=2", "in use")
}

func TestTriesUntilFree(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	port := netip.MustParseAddrPort(l.Address()).String()
	type result struct {
		l   *Listener
		err error
	}
	c := make(chan result)
	go func() {
		l, err := Open(context.Background(), parseT(t, port+",tries=60000,delay=1ms"))
		c <- result{l, err}
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := <-c
	if r.err != nil {
		t.Fatal(r.err)
	}
	answeredT(t, r.l)
	_ = r.l.Close()
}

func TestTriesEndWithContext(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Open(ctx, parseT(t, l.Address()+",tries=5,delay=1h"))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, unix.EADDRINUSE) {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), parseT(t, l.Address()+",tries=3,delay=1ms"))
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Fatal(err)
	}
}

func TestDatagrams(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"udp:127.0.0.1:0", "udp:[::1]:0", "unixgram:" + dir + "/d.sock", "unixgram:@handoff-test-d"} {
		l := openT(t, text)
		c := dialT(t, l)
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 9)
		if n, _, err := unix.Recvfrom(l.FDs()[0], b, 0); err != nil || string(b[:n]) != "hello" {
			t.Fatalf("%s: %q, %v", text, b[:n], err)
		}
		repairT(t, l)
	}
}

func TestUnixModeAndOwner(t *testing.T) {
	dir := t.TempDir()
	for option, want := range map[string]uint32{"mode=0660": 0o660, "umask=0007": 0o770, "mode=0600": 0o600} {
		path := filepath.Join(dir, strings.ReplaceAll(option, "=", ""))
		openT(t, "unix:"+path+","+option+",owner=65534,group=65533")
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			t.Fatal(err)
		}
		if st.Mode&0o7777 != want || st.Uid != 65534 || st.Gid != 65533 {
			t.Fatalf("%s: mode %o, uid %d, gid %d", option, st.Mode, st.Uid, st.Gid)
		}
	}
	refusedT(t, "unix:"+dir+"/x,owner=no-such-user", "no-such-user")
	refusedT(t, "unix:"+dir+"/x,group=no-such-group", "no-such-group")
	if names := listT(t, dir); slices.Contains(names, "x") {
		t.Fatal("bound before the owner was known: ", names)
	}
}

func TestCloseRemovesOnlyOurs(t *testing.T) {
	path := sockPath(t)
	l := openT(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if names := listT(t, filepath.Dir(path)); !slices.Equal(names, []string{"app.sock"}) {
		t.Fatal(names)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Fatal("another's file was touched")
	}
}

func TestClosedListener(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err1 := l.Queue()
	_, err2 := l.Repair()
	for _, err := range []error{err1, err2, l.Seal(), l.Unseal()} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestOpenIsQuickToGiveUp(t *testing.T) {
	_, err := Open(context.Background(), Spec{Network: Inherited, Address: "web"})
	if err == nil || !strings.Contains(err.Error(), "inherited, not bound") {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), Spec{Network: TCP, Address: "nonsense"})
	if err == nil {
		t.Fatal("opened nonsense")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // asking the network for a name must not outlast the one who asks
	_, err = Open(ctx, parseT(t, "no-such-host.invalid:80"))
	if err == nil {
		t.Fatal("opened a host that is not")
	}
}
