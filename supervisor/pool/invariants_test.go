package pool

import (
	"fmt"
	"strings"
)

func (w *world) blame(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// perform does what the pool said, and blames it for what it must not say.
func (w *world) perform(effect Effect, cause Event) {
	if w.ended {
		w.blame("%v after it left", effect)
	}
	switch effect := effect.(type) {
	case Start:
		if _, live := w.live[effect.Slot]; live {
			w.blame("started a second worker in slot %d", effect.Slot)
		}
		if w.failed {
			w.blame("started worker %d after it had failed", effect.Slot)
		}
		w.starts = append(w.starts, effect.Slot)
	case Tell:
		w.hear(effect, cause)
	case Failed:
		if w.failed || w.pool.want == Run {
			w.blame("failed twice, or goes on after it failed")
		}
		w.failed = true
	case Leave:
		w.ended = true
		if len(w.live)+len(w.starts) > 0 || w.failed != (effect.Code != 0) {
			w.blame("left with code %d, failed %v, live %v, starting %v", effect.Code, w.failed, w.live, w.starts)
		}
	case Bug:
		w.blame("%v", effect)
	}
}

// hear: a worker is told a verb. Nobody is told who is gone, nobody is told the
// graceful word twice, and SIGKILL is for passed deadlines and the unfit.
func (w *world) hear(tell Tell, cause Event) {
	verb, live := w.live[tell.Slot]
	if !live {
		w.blame("told worker %d %v, and it is gone", tell.Slot, tell.Verb)
		return
	}
	_, due := cause.(Due)
	_, unfit := cause.(Unfit)
	switch {
	case tell.Verb == LogsAgain || tell.Verb == Relay:
		return
	case tell.Verb == Kill && !due && !unfit:
		w.blame("killed worker %d because of %T", tell.Slot, cause)
	case tell.Verb == Graceful && verb != untold:
		w.blame("told worker %d to leave twice", tell.Slot)
	case tell.Verb == Quick && w.pool.want != Halting:
		w.blame("hurried worker %d without need", tell.Slot)
	}
	w.live[tell.Slot] = tell.Verb
}

// check looks at the state after a step.
func (w *world) check(e Event, before Snapshot, effects []Effect) {
	kept, up, occupied, starting := w.pool.count()
	p := w.pool
	if p.want == Run && (kept > p.target || occupied > 2*p.peak) {
		w.blame("%d workers kept and %d live, target %d, peak %d", kept, occupied, p.target, p.peak)
	}
	if p.want == Run && kept < p.target && starting == 0 && occupied < 2*p.peak {
		w.blame("%d workers kept of %d and none is started", kept, p.target)
	}
	if p.want == Run && !p.whole.IsZero() && before.Up > up && !w.excused(e, before, up) {
		w.blame("%T took the pool from %d up to %d", e, before.Up, up)
	}
	for i := range p.slots {
		w.checkSlot(&p.slots[i])
	}
	w.checkUntouched(e, before, effects)
	if p.want < before.Want {
		w.blame("want went back from %v to %v", before.Want, p.want)
	}
}

// excused: a worker's own news, a deadline, or a lower target may cost one.
func (w *world) excused(e Event, before Snapshot, up int) bool {
	switch e.(type) {
	case Exited, Hung, Stopping, Unfit:
		return before.Up-up == 1
	case Due:
		return true
	case Scale:
		return up <= w.pool.target
	case Spawned, Ready:
		return up == w.pool.target // the surplus leaves
	}
	return false
}

func (w *world) checkSlot(s *Slot) {
	_, live := w.live[s.ID]
	switch s.Phase {
	case Empty, Starting, Waiting:
		if live {
			w.blame("slot %d is %v and its worker lives", s.ID, s.Phase)
		}
	default:
		if !live {
			w.blame("slot %d is %v and has no worker", s.ID, s.Phase)
		}
	}
	if needs := s.Phase != Empty && s.Phase != Starting; needs == s.Due.IsZero() {
		w.blame("slot %d is %v with Due %v", s.ID, s.Phase, s.Due)
	}
	if !s.Due.IsZero() && s.Due.Sub(w.now) > longWait {
		w.blame("slot %d may be %v for %v", s.ID, s.Phase, s.Due.Sub(w.now))
	}
}

// checkUntouched: what happens to one worker of a whole pool is no matter of the others.
func (w *world) checkUntouched(e Event, before Snapshot, effects []Effect) {
	slot, is := slotOf(e)
	if !is || !before.Whole || before.Want != Run {
		return
	}
	for _, effect := range effects {
		if tell, is := effect.(Tell); is && tell.Slot != slot {
			w.blame("%T of worker %d, and worker %d was told %v", e, slot, tell.Slot, tell.Verb)
		}
	}
}

// mustEnd: after this order all is over in bounded steps, though the workers
// leave for nothing but SIGKILL.
func (w *world) mustEnd(order Event) {
	w.left = budget{}
	w.step(order)
	for range 60 {
		if w.ended || w.wrong != "" {
			return
		}
		w.live = w.dieKilled()
		switch {
		case w.ended:
		case len(w.starts) > 0:
			w.step(Spawned{Slot: w.starts[0], Ref: Ref{PID: 9}})
		case !w.pool.Deadline().IsZero():
			w.now = w.pool.Deadline()
			w.step(Due{})
		default:
			w.blame("%T does not end: nothing more will happen", order)
		}
	}
	w.blame("%T does not end", order)
}

func (w *world) dieKilled() map[int]Verb {
	for slot := range w.live {
		if w.live[slot] == Kill {
			w.step(Exited{slot, "killed"})
		}
	}
	return w.live
}

// mustRise: in a kind world the pool is whole soon, unless it is to leave.
func (w *world) mustRise() {
	w.left = budget{mischief: 1000}
	for range 60 {
		_, up, _, _ := w.pool.count()
		if w.ended || w.wrong != "" || w.pool.want == Run && up == w.pool.target && len(w.starts) == 0 {
			return
		}
		if !w.kindly() {
			w.blame("in a kind world it hangs at %v", w.pool)
		}
	}
	w.blame("in a kind world it is not whole: %v", w.pool)
}

// kindly lets the next good thing happen.
func (w *world) kindly() bool {
	if len(w.starts) > 0 {
		w.step(Spawned{Slot: w.starts[0], Ref: Ref{PID: 9}})
		return true
	}
	for slot := range w.live {
		switch s := &w.pool.slots[slot-1]; {
		case w.live[slot] != untold || s.Phase == Leaving:
			w.step(Exited{slot, "well"})
			return true
		case s.Phase == Booting:
			w.step(Ready{slot})
			return true
		}
	}
	if w.pool.Deadline().IsZero() {
		return false
	}
	w.now = w.pool.Deadline()
	w.step(Due{})
	return true
}

type state struct {
	world  *world
	parent int
	name   string
}

// explore is a breadth-first search; the trace, if any, is the shortest way to
// what is wrong.
func explore(o *orderTable, c *cellTable, b budget) (n int, trace string) {
	start := newWorld(o, c, b)
	states := []state{{world: start, parent: -1, name: "begin"}}
	seen := map[string]bool{start.key(): true}
	for at := 0; at < len(states); at++ {
		w := states[at].world
		if wrong := w.judge(); wrong != "" {
			return len(states), tell(states, at, wrong)
		}
		if w.ended {
			continue
		}
		for _, m := range w.moves() {
			next := w.clone()
			m.do(next)
			if key := next.key(); !seen[key] {
				seen[key] = true
				states = append(states, state{next, at, m.name})
			}
		}
		states[at].world = nil
	}
	return len(states), ""
}

// judge checks a state, and what must become of it from here.
func (w *world) judge() string {
	if w.wrong != "" || w.ended {
		return w.wrong
	}
	for _, order := range []Event{Stop{}, Quit{}} {
		future := w.clone()
		if future.mustEnd(order); future.wrong != "" {
			return fmt.Sprintf("then %T: %s", order, future.wrong)
		}
	}
	future := w.clone()
	future.mustRise()
	return future.wrong
}

func tell(states []state, at int, wrong string) string {
	var names []string
	for ; at >= 0; at = states[at].parent {
		names = append([]string{states[at].name}, names...)
	}
	return strings.Join(names, "\n") + "\nWRONG: " + wrong
}
