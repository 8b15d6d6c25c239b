package pool

import (
	"fmt"
	"strings"
	"time"
)

var (
	wantNames  = [wants]string{"idle", "run", "quit", "stop", "done"}
	wordNames  = [words]string{"Begin", "Scale", "Quit", "Stop", "Reopen", "Signal", "Lost", "Due"}
	phaseNames = [phases]string{"empty", "starting", "booting", "up", "leaving", "rushing", "aborting", "killing", "waiting"}
	newsNames  = [newses]string{"Spawned", "SpawnFailed", "Ready", "Unfit", "Exited", "Beat", "Hung", "Extend",
		"Stopping", "retire", "hurry", "overdue", "reopen", "relay"}
	verbNames = [verbs]string{"graceful", "quick", "abort", "kill", "reopen", "relay"}
)

func (w Want) String() string  { return wantNames[w] }
func (w Word) String() string  { return wordNames[w] }
func (p Phase) String() string { return phaseNames[p] }
func (n News) String() string  { return newsNames[n] }
func (v Verb) String() string  { return verbNames[v] }

func (e Start) String() string  { return fmt.Sprintf("start worker %d", e.Slot) }
func (e Failed) String() string { return "failed: " + e.Reason }
func (Report) String() string   { return "report" }
func (e Note) String() string   { return fmt.Sprintf("note: worker %d %s", e.Slot, e.Text) }
func (ReopenLogs) String() string {
	return "reopen own logs"
}
func (e Leave) String() string { return fmt.Sprintf("leave %d", e.Code) }
func (e Bug) String() string   { return "BUG: " + e.What }
func (e Tell) String() string {
	return strings.TrimSpace(fmt.Sprintf("tell worker %d %v %s", e.Slot, e.Verb, e.Signal))
}

// Snapshot is what there is to know about a pool.
type Snapshot struct {
	Want   Want
	Target int
	Up     int  // kept workers that serve
	Whole  bool // all of the target was up at once, at some time
	Slots  []Slot
}

// Snapshot returns a copy of the state; only slots that are taken are in it.
func (p *Pool) Snapshot() Snapshot {
	_, up, live, _ := p.count()
	snap := Snapshot{Want: p.want, Target: p.target, Up: up, Whole: !p.whole.IsZero(), Slots: make([]Slot, 0, live)}
	for _, s := range p.slots {
		if s.Phase != Empty {
			snap.Slots = append(snap.Slots, s)
		}
	}
	return snap
}

// String is one line: "run 2/3: 1 up, 2 up, 3 booting due 5s".
func (p *Pool) String() string {
	var b strings.Builder
	snap := p.Snapshot()
	fmt.Fprintf(&b, "%v %d/%d", snap.Want, snap.Up, snap.Target)
	for i, s := range snap.Slots {
		fmt.Fprintf(&b, "%s %d %v", separator(i), s.ID, s.Phase)
		b.WriteString([...]string{Keep: "", Go: " go", Back: " back"}[s.Fate])
		if !s.Due.IsZero() {
			fmt.Fprintf(&b, " due %v", s.Due.Sub(p.now).Round(time.Millisecond))
		}
	}
	return b.String()
}

func separator(i int) string {
	if i == 0 {
		return ":"
	}
	return ","
}

// slotOf says whose news an event is.
func slotOf(e Event) (int, bool) {
	switch e := e.(type) {
	case Spawned:
		return e.Slot, true
	case SpawnFailed:
		return e.Slot, true
	case Ready:
		return e.Slot, true
	case Unfit:
		return e.Slot, true
	case Exited:
		return e.Slot, true
	case Beat:
		return e.Slot, true
	case Hung:
		return e.Slot, true
	case Extend:
		return e.Slot, true
	case Stopping:
		return e.Slot, true
	}
	return 0, false
}

func newsOf(e Event) (News, bool) {
	switch e.(type) {
	case Spawned:
		return nSpawned, true
	case SpawnFailed:
		return nSpawnFailed, true
	case Ready:
		return nReady, true
	case Unfit:
		return nUnfit, true
	case Exited:
		return nExited, true
	case Beat:
		return nBeat, true
	case Hung:
		return nHung, true
	case Extend:
		return nExtend, true
	case Stopping:
		return nStopping, true
	case retire:
		return nRetire, true
	case hurry:
		return nHurry, true
	case overdue:
		return nOverdue, true
	case reopen:
		return nReopen, true
	case relay:
		return nRelay, true
	}
	return 0, false
}
