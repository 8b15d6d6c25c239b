package supervisor

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/master"
)

// tending is a tender with listeners and a log, and nothing else.
func tending(t *testing.T, addresses ...string) (*tender, *bytes.Buffer) {
	t.Helper()
	said := &bytes.Buffer{}
	tend := newTender(Options{Log: slog.New(slog.NewTextHandler(said, nil))}, nil, nil)
	for _, a := range addresses {
		spec, err := handoff.ParseSpec(a)
		if err != nil {
			t.Fatal(err)
		}
		l, err := handoff.Open(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		tend.listeners = append(tend.listeners, l)
	}
	return tend, said
}

// W8: what the kernel has no event for is mended when somebody asks.
func TestW8MendedWhenSomebodyAsks(t *testing.T) {
	tend, said := tending(t, "127.0.0.1:0", "127.0.0.1:0,nonblocking")
	fd := tend.listeners[1].FDs()[0]
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		t.Fatal(err)
	}
	if events := tend.Mend(); len(events) != 0 {
		t.Errorf("a socket that stays the same takes no new generation: %v", events)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("flags %#o, %v: it is still blocking", flags, err)
	}
	if _, backlog, err := tend.listeners[1].Queue(); err != nil || backlog == 5 {
		t.Errorf("backlog %d, %v", backlog, err)
	}
	if n := strings.Count(said.String(), "mended a listener"); n != 2 {
		t.Errorf("%d things were mended, want 2:\n%s", n, said)
	}
}

// W8: what a server does to a listener as it starts is mended, though only the newest state of a master is sent: a worker that
// follows one that died leaves the number of those that are up as it was.
func TestW8MendedWhenAWorkerFollows(t *testing.T) {
	tend, said := tending(t, "127.0.0.1:0,nonblocking")
	g := &tended{n: 1, plan: &plan{listeners: tend.listeners}}
	tend.tended[1] = g
	heard := func(pid int, state string, mended int) {
		t.Helper()
		if err := unix.SetNonblock(tend.listeners[0].FDs()[0], false); err != nil {
			t.Fatal(err)
		}
		workers := []master.Worker{{ID: 1, PID: pid, State: state}}
		tend.heard(g, master.Report{Kind: master.ReportState, State: &master.State{Up: 1, Workers: workers}})
		if n := strings.Count(said.String(), "mended a listener"); n != mended {
			t.Errorf("worker %d %s: mended %d times, want %d:\n%s", pid, state, n, mended, said)
		}
	}
	heard(101, "booting", 0)
	heard(101, "up", 1)
	heard(101, "up", 1)
	heard(102, "up", 2)
}

// W8: a unix socket that was shut down is bound anew, and only a new generation can take it.
func TestW8NewSocketTakesANewGeneration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	tend, _ := tending(t, "unix:"+path)
	if err := unix.Shutdown(tend.listeners[0].FDs()[0], unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	events := tend.Mend()
	if len(events) != 1 || events[0] != (herd.Upgrade{}) {
		t.Errorf("events: %v", events)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// The status tells datagrams, which are counted in bytes, from connections.
func TestStatusOfListeners(t *testing.T) {
	tend, _ := tending(t, "127.0.0.1:0,backlog=7", "udp:127.0.0.1:0")
	conn, err := net.Dial("udp", tend.listeners[1].Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	ls := tend.Listeners()
	if tcp := ls[0]; tcp.Network != "tcp" || tcp.Queued != 0 || tcp.Backlog != 7 {
		t.Errorf("%+v", tcp)
	}
	if udp := ls[1]; udp.Network != "udp" || udp.Queued < 100 || udp.Address != tend.listeners[1].Address() {
		t.Errorf("%+v", udp)
	}
}

// A monitor asks every few seconds; what cannot be mended is said once, and again when it happens again.
func TestW8ComplaintIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tend, said := tending(t, "unix:"+dir+"/app.sock")
	away := func() {
		t.Helper()
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		tend.Mend()
		tend.Mend()
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		tend.Mend()
	}
	for n := 1; n <= 2; n++ {
		away()
		if got := strings.Count(said.String(), "cannot mend a listener"); got != n {
			t.Errorf("said %d times, want %d:\n%s", got, n, said)
		}
	}
}

// A queue that cannot be seen for want of a descriptor is not taken for empty: who waits there would be cut off.
func TestQueueThatCannotBeSeen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tend, _ := tending(t, "unix:"+path)
	if waiting(tend.listeners) {
		t.Error("nobody waits")
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	blind := waiting(tend.listeners)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !blind {
		t.Error("taken for empty without a look")
	}
	tend.listeners[0].Close() // for good: nobody can wait there
	if waiting(tend.listeners) {
		t.Error("it is waited for one that is closed")
	}
}
