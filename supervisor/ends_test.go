package supervisor

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

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
		"daemon":         {func(*tended) {}, 0, "exit 0" + astray},
		"failed":         {func(*tended) {}, 3 << 8, "exit 3"},
		"killed":         {func(*tended) {}, unix.WaitStatus(unix.SIGTERM), "killed by SIGTERM"},
		"it has served":  {func(g *tended) { g.state.Whole = true }, 0, "exit 0"},
		"told to end":    {func(g *tended) { g.sent = true }, 0, "exit 0"},
		"never a daemon": {func(g *tended) { g.plan.config.Dialect = "hypercorn" }, 0, "exit 0"},
		"any program":    {func(g *tended) { g.plan.config.Dialect = "command" }, 0, "exit 0" + astray},
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
