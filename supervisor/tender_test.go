package supervisor

import (
	"testing"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/master"
)

// A generation whose master died has none in the status, and only the workers that are left: nobody tells of their ends.
func TestStatusOfOrphans(t *testing.T) {
	tend, _ := tending(t)
	tend.tended[7] = &tended{
		n: 7, orphans: map[int]*orphan{102: {worker: true}},
		state: master.State{Target: 2, Workers: []master.Worker{{ID: 1, PID: 101, State: "up"}, {ID: 2, PID: 102, State: "up"}}},
	}
	seen := func() control.Generation { g, _ := tend.Look(7); return g }
	if g := seen(); g.Master != nil || g.Want != 2 || len(g.Workers) != 1 || g.Workers[0].PID != 102 {
		t.Errorf("%+v", g)
	}
	tend.lookLater(nil) // what is left cannot be seen: then what the master said last counts
	defer func() { tend.blind.Stop(); close(tend.done) }()
	if g := seen(); len(g.Workers) != 2 {
		t.Errorf("%+v", g)
	}
}
