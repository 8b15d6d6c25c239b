package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { helpers["inherit"] = helperInherit }

// helperInherit prints what it inherits; PID in an argument is its own pid.
func helperInherit(args []string) error {
	var env []string
	for _, a := range args {
		env = append(env, strings.ReplaceAll(a, "PID!", fmt.Sprint(os.Getpid())))
	}
	ls, err := Inherit(env, os.Getpid())
	if err != nil {
		return err
	}
	for _, l := range ls {
		flags, err := unix.FcntlInt(uintptr(l.FDs()[0]), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			return errors.New("not CLOEXEC")
		}
		if _, err := l.Repair(); err != nil {
			return err
		}
		nonblock, err := unix.FcntlInt(uintptr(l.FDs()[0]), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		fmt.Println(l.Name(), l.Network(), l.Address(), nonblock&unix.O_NONBLOCK != 0)
	}
	fmt.Println("inherited", len(ls))
	return nil
}

func TestB18ListenEnv(t *testing.T) {
	tcp, abstract := openT(t, "127.0.0.1:0"), openT(t, "unix:@handoff-test-b18")
	both := []int{tcp.FDs()[0], abstract.FDs()[0]}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	udp := openT(t, "udp:127.0.0.1:0")
	for _, c := range []struct {
		name string
		fds  []int
		env  string
		ok   bool
		want string
	}{
		{"none", both, "", true, "inherited 0"},
		{"no pid", both, "LISTEN_FDS=2", true, "inherited 0"},
		{"foreign pid", both, "LISTEN_FDS=2 LISTEN_PID=1", true, "inherited 0"},
		{"foreign pidfd", both, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_PIDFDID=1", true, "inherited 0"},
		{"two", both, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_FDNAMES=web:admin", true, "web tcp " + tcp.Address() + " false\nadmin unix @handoff-test-b18 false\ninherited 2"},
		{"unnamed", both, "LISTEN_FDS=2 LISTEN_PID=PID!", true, "LISTEN_FD_4 unix"},
		{"udp", udp.FDs(), "LISTEN_FDS=1 LISTEN_PID=PID!", true, "LISTEN_FD_3 udp " + udp.Address()},
		{"few names", both, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_FDNAMES=web", false, "1 names (\"web\") for LISTEN_FDS=2"},
		{"many names", both, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_FDNAMES=web:a:b", false, "3 names"},
		{"empty name", both, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_FDNAMES=web:", false, "no usable name"},
		{"not a number", both, "LISTEN_FDS=many LISTEN_PID=PID!", false, "is not a number"},
		{"negative", both, "LISTEN_FDS=-1 LISTEN_PID=PID!", false, "is not a number"},
		{"too many", both, "LISTEN_FDS=1000000 LISTEN_PID=PID!", false, "is not a number from 0 to 1024"},
		{"bad pid", both, "LISTEN_FDS=2 LISTEN_PID=me", false, "is not a pid"},
		{"not a socket", []int{both[0], int(file.Fd())}, "LISTEN_FDS=2 LISTEN_PID=PID! LISTEN_FDNAMES=web:log", false, `"log" (fd 4): fd 4 is not a socket`},
		{"not open", both, "LISTEN_FDS=900 LISTEN_PID=PID!", false, "it is not open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, ok := spawnT(t, "inherit", c.fds, strings.Fields(c.env)...)
			if c.name == "not open" && strings.Contains(out, "not a socket") {
				return // the runtime's own descriptors come first
			}
			if ok != c.ok || !strings.Contains(out, c.want) {
				t.Fatalf("ok %v, output:\n%s", ok, out)
			}
		})
	}
}

func TestL14InheritedState(t *testing.T) {
	one := func(fd int) (string, bool) {
		return spawnT(t, "inherit", []int{fd}, "LISTEN_FDS=1", "LISTEN_PID=PID!", "LISTEN_FDNAMES=web")
	}
	l := openT(t, "127.0.0.1:0,backlog=77")
	fd := l.FDs()[0]
	for _, nonblock := range []bool{true, false} {
		if err := unix.SetNonblock(fd, nonblock); err != nil {
			t.Fatal(err)
		}
		if out, ok := one(fd); !ok || !strings.HasPrefix(out, fmt.Sprintf("web tcp %s %v\n", l.Address(), nonblock)) {
			t.Fatal(out)
		}
	}
	if _, backlog, err := l.Queue(); err != nil || backlog != 77 {
		t.Fatalf("the backlog given became %d, %v", backlog, err)
	}
	meddleT(t, l, "shutdown")
	if out, ok := one(fd); ok || !strings.Contains(out, "does not listen, or was shut down") {
		t.Fatal(out)
	}
	path := openT(t, sockPath(t))
	meddleT(t, path, "shutdown")
	if out, ok := one(path.FDs()[0]); ok || !strings.Contains(out, "shut down") {
		t.Fatal(out)
	}
	mute, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mute)
	if out, ok := one(mute); ok || !strings.Contains(out, "does not listen") {
		t.Fatal(out)
	}
	other := openT(t, "127.0.0.1:0")
	dialT(t, other)
	if out, ok := one(acceptT(t, other)); ok || !strings.Contains(out, "Accept=yes") {
		t.Fatal(out)
	}
	netlink, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(netlink)
	if out, ok := one(netlink); ok || !strings.Contains(out, "not one of tcp, udp, unix, unixgram") {
		t.Fatal(out)
	}
}

// inheritT makes an inherited listener of a copy of l's descriptor, as Inherit does.
func inheritT(t testing.TB, l *Listener, name string) *Listener {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(l.FDs()[0]), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	in, err := inheritFD(fd, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

func TestL15TwiceTheSameAddress(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"127.0.0.1:80", "tcp://127.0.0.1:080,name=other", "127.0.0.1:080 is listed twice"},
		{":80", "[::]:80", "listed twice"},
		{"*:80", "80", "listed twice"},
		{"unix:/run/a.sock", "/run/./b/../a.sock", "listed twice"},
		{"inherit:web", "inherit:web,name=x", "listed twice"},
		{"127.0.0.1:80", "127.0.0.2:80", `both named "80"`},
		{"127.0.0.1:0", "127.0.0.1:0", "listed twice"},
		{"127.0.0.1:0,name=a", "127.0.0.1:0,name=b", ""},
		{"127.0.0.1:80", "udp:127.0.0.1:80,name=dns", ""},
		{"unix:@a", "unix:a,name=b", ""},
	} {
		_, _, err := Conflict([]Spec{parseT(t, "127.0.0.9:9"), parseT(t, c.a), parseT(t, c.b)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s and %s: %v", c.a, c.b, err)
		}
	}
	// By activation and by the configuration: one socket, which takes the configuration's name and options.
	l := openT(t, "127.0.0.1:0,name=web")
	in := inheritT(t, l, "activated")
	got, err := Claim([]*Listener{in}, parseT(t, l.Address()+",name=app,backlog=33,nonblocking"))
	if err != nil || got != in {
		t.Fatal(got, err)
	}
	if _, backlog, err := in.Queue(); err != nil || backlog != 33 || in.Name() != "app" || !hasFlag(t, in.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) {
		t.Fatal(in.Name(), backlog, err)
	}
	// Bound twice by ourselves: refused, and the owner is us.
	refusedT(t, l.Address(), "in use", fmt.Sprintf("pid %d", os.Getpid()))
	path := openT(t, sockPath(t))
	refusedT(t, path.Address(), "in use", fmt.Sprintf("pid %d", os.Getpid()))
}

func TestClaimByName(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	web, admin, twin := inheritT(t, l, "web"), inheritT(t, openT(t, "unix:@handoff-test-claim"), "admin"), inheritT(t, openT(t, "127.0.0.1:0"), "admin")
	ls := []*Listener{web, admin}
	got, err := Claim(ls, parseT(t, "inherit:web,name=app"))
	if err != nil || got != web || got.Name() != "app" {
		t.Fatal(got, err)
	}
	if p := got.Passed(); p.Network != TCP || p.Address != l.Address() || p.Key != l.Address() || p.Name != "app" {
		t.Fatalf("%+v", p)
	}
	if got, err := Claim(ls, parseT(t, "127.0.0.1:1")); got != nil || err != nil {
		t.Fatal(got, err)
	}
	for text, want := range map[string]string{"inherit:nobody": "there are app, admin", "inherit:admin": "2 inherited sockets"} {
		if _, err := Claim(append(ls, twin), parseT(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Claim(nil, parseT(t, "inherit:web")); err == nil || !strings.Contains(err.Error(), "LISTEN_FDS") {
		t.Error(err)
	}
}

// What the service manager bound outlives us: neither the seal nor the end may touch it.
func TestInheritedOutlivesUs(t *testing.T) {
	path := sockPath(t)
	theirs, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	raw, err := theirs.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var ours int
	if cerr := raw.Control(func(fd uintptr) { ours, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	l, err := inheritFD(ours, "web")
	if err != nil {
		t.Fatal(err)
	}
	repairT(t, l)
	if err := errors.Join(l.Seal(), l.Close()); err != nil {
		t.Fatal(err)
	}
	c, err := (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
