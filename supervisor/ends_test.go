package supervisor

import (
	"os"
	"testing"

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

// The session of a stranger from another PID namespace is 0, and so is the pid of a master that was never found.
func TestNobodyLeadsSessionZero(t *testing.T) {
	g := &tended{state: master.State{Workers: []master.Worker{{PID: 7}}}}
	if g.leads(0) || !g.leads(7) {
		t.Error("a stranger would be taken for ours, or ours for a stranger")
	}
}
