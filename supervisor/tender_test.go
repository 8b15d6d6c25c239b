package supervisor

import (
	"strings"
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

// What somebody has to mend is a warning; a decision is none.
func TestWordsOfAMaster(t *testing.T) {
	tend, said := tending(t)
	g := &tended{n: 7}
	tend.heard(g, master.Report{Kind: master.ReportNote, Worker: 1, Reason: "a decision"})
	tend.heard(g, master.Report{Kind: master.ReportWarn, Reason: "cannot open the log"})
	for _, want := range []string{`level=INFO msg="a decision" generation=7 worker=1`, `level=WARN msg="cannot open the log" generation=7`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
}
