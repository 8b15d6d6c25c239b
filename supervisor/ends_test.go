package supervisor

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// A process that was spawned and ends well may have left a daemon; the daemon itself, once found, leaves nobody. Its end may
// be told after its link has said its last word, and must end the generation all the same.
func TestOnlyTheSpawnedLeavesADaemon(t *testing.T) {
	for _, found := range []bool{false, true} {
		p, err := proc.Open(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		g := &tended{
			n: 1, plan: &plan{config: &config.Config{Kind: dialect.Reexec}}, link: new(foreign.Follower), master: p, found: found, silent: true,
		}
		if daemon := g.becameDaemon(proc.Exit{PID: os.Getpid()}); daemon == found || g.awaited != daemon {
			t.Errorf("found %t: may have left a daemon: %t, awaited %t", found, daemon, g.awaited)
		}
		if found {
			tend, _ := tending(t)
			tend.tended[1] = g
			if events := tend.masterGone(g, "exit 0"); len(events) != 1 {
				t.Errorf("%v", events)
			}
		}
	}
}

// A fresh master of a server's own that ends well before it serves has become a daemon; who was told to end has not.
func TestEndOfAFreshMasterSaysWhatItMeans(t *testing.T) {
	fresh := func() *tended {
		return &tended{n: 1, plan: &plan{config: &config.Config{Kind: dialect.Fresh, Dialect: "gunicorn"}}, link: new(foreign.Follower)}
	}
	for name, row := range map[string]struct {
		change func(*tended)
		status unix.WaitStatus
		want   string
	}{
		"daemon":         {func(*tended) {}, 0, "exit 0" + leftForeground},
		"failed":         {func(*tended) {}, 3 << 8, "exit 3"},
		"killed":         {func(*tended) {}, unix.WaitStatus(unix.SIGTERM), "killed by SIGTERM"},
		"it has served":  {func(g *tended) { g.state.Whole = true }, 0, "exit 0"},
		"told to end":    {func(g *tended) { g.sent = true }, 0, "exit 0"},
		"never a daemon": {func(g *tended) { g.plan.config.Dialect = "hypercorn" }, 0, "exit 0"},
		"any program":    {func(g *tended) { g.plan.config.Dialect = "command" }, 0, "exit 0" + leftForeground},
		"native":         {func(g *tended) { g.link = nil }, 0, "exit 0"},
		"reexec":         {func(g *tended) { g.plan.config.Kind = dialect.Reexec }, 0, "exit 0"},
	} {
		tend, _ := tending(t)
		g := fresh()
		row.change(g)
		if got := tend.describe(g, proc.Exit{Status: row.status}); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// The session of a stranger from another PID namespace is 0, and so is the pid of a master that was never found.
func TestNobodyLeadsSessionZero(t *testing.T) {
	g := &tended{state: master.State{Workers: []master.Worker{{PID: 7}}}}
	if g.leads(0) || !g.leads(7) {
		t.Error("a stranger would be taken for ours, or ours for a stranger")
	}
}

// Of a master that was looked for in vain no pid file stays, whichever it had written; those of the living do.
func TestNobodyLeavesAPidFileUnseen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.pid")
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dead, alive := cmd.Process.Pid, os.Getpid()
	for name, left := range map[string]struct{ now, oldbin, dot2 int }{
		"a daemon":                      {now: dead},
		"a successor":                   {now: alive, dot2: dead},
		"a successor, and .oldbin":      {now: dead, oldbin: alive},
		"it has ended, and another one": {now: alive, oldbin: dead},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]int{path: left.now, path + oldbin: left.oldbin, path + ".2": left.dot2}
			for path, pid := range files {
				if pid != 0 {
					if err := pidfile.Write(path, pid); err != nil {
						t.Fatal(err)
					}
				}
			}
			tend, _ := tending(t)
			g := &tended{n: 1, plan: &plan{config: &config.Config{Kind: dialect.Reexec, Pidfile: path}}, awaited: true, silent: true}
			tend.endAwaited(g)
			for path, pid := range files {
				if got, _ := pidfile.Read(path); pid == alive && got != alive || pid != alive && got != 0 {
					t.Errorf("%s had %d, has %d", path, pid, got)
				}
				_ = os.Remove(path)
			}
		})
	}
}

// Who is left by a server's own master is its successor if it listens where the master did, and has executed a program; not what
// the app has started for itself (with a socket of its own), nor a worker.
func TestHeirIsKnownByTheSocketsOfTheMaster(t *testing.T) {
	ours, others := listening(t), listening(t)
	tend, _ := tending(t)
	inodes, _, err := proc.Proc.Sockets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own := inodeOf(t, others)
	g := &tended{n: 1, plan: &plan{config: &config.Config{Kind: dialect.Reexec}}, state: master.State{Whole: true}, marks: marks{
		stack: 1, sockets: slices.DeleteFunc(inodes, func(ino uint64) bool { return ino == own }),
	}}
	tend.tended[1] = g

	sleeping(t, others)
	if heir, ok := tend.heirOf(g); ok {
		t.Errorf("%v was taken for the successor: it has a socket of its own", heir)
	}
	successor := sleeping(t, ours)
	if heir, ok := tend.heirOf(g); !ok || heir != successor {
		t.Errorf("%v, %t; want %v", heir, ok, successor)
	}
	st, err := proc.Proc.Stat(successor.PID)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"a worker":              func() { g.marks.stack = st.Stack },
		"never seen":            func() { g.marks.stack = 0 },
		"it never served":       func() { g.state.Whole = false },
		"told to leave":         func() { g.leaving = true },
		"another one is beside": func() { tend.tended[2] = &tended{n: 2} },
		"it is followed":        func() { tend.heir = successor },
		"it takes its sockets":  func() { g.plan = &plan{config: &config.Config{Kind: dialect.Fresh}} },
	} {
		was := *g
		change()
		if heir, ok := tend.heirOf(g); ok {
			t.Errorf("%s: %v was taken for the successor", name, heir)
		}
		*g, tend.heir = was, proc.Ref{}
		delete(tend.tended, 2)
	}
}

func listening(t *testing.T) *os.File {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func inodeOf(t *testing.T, f *os.File) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// sleeping is a child that has a listener.
func sleeping(t *testing.T, l *os.File) proc.Ref {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.ExtraFiles = []*os.File{l}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	st, err := proc.Proc.Stat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return st.Ref()
}
