package herd

import "fmt"

// The invariants, by the names that the package comment and the design give
// them. Each is asked after every single step; those about one effect stand
// in effects_test.go.

// holdServing: the herd begins to leave only when somebody asked for it, or
// nothing ever settled and nothing serves; and a generation is taken for one
// that serves only when its workers are ready.
func (w *world) holdServing(before *world, _ Event) error {
	if w.h.leavingNow() && !before.h.leavingNow() && !w.stopped {
		if w.h.verdict.Outcome != NeverServed || w.lasted {
			return fmt.Errorf("I1: the herd leaves, and nobody asked it to")
		}
		for i := range before.h.gens {
			if g := &before.h.gens[i]; (g.phase == Whole || g.phase == Orphaned) && w.find(g.n) != nil && !w.find(g.n).deserts {
				return fmt.Errorf("I1: given up while generation %d serves", g.n)
			}
		}
	}
	for i := range w.h.gens {
		g := &w.h.gens[i]
		if t := w.find(g.n); g.phase == Whole && before.phaseOf(g.n) == Booting && (t.silent || t.up < w.h.workers) {
			return fmt.Errorf("I4: generation %d taken for ready with %d of %d workers up", g.n, t.up, w.h.workers)
		}
	}
	return nil
}

// holdRoles: I2, and a whole generation serves in the phases that say so.
func (w *world) holdRoles(*world, Event) error {
	var booting, serving int
	for i := range w.h.gens {
		switch w.h.gens[i].phase {
		case Booting:
			booting++
		case Whole, Orphaned:
			serving++
		}
	}
	if booting > 1 || serving > 2 {
		return fmt.Errorf("I2: %d boot, %d serve", booting, serving)
	}
	whole := w.h.whole()
	old := w.h.find(w.h.outgoing)
	switch w.h.phase {
	case Serving:
		if !whole || serving != 1 || booting != 0 {
			return fmt.Errorf("serving: %d serve, %d boot", serving, booting)
		}
	case Overlapping:
		if !whole || old == nil || old.phase != Whole {
			return fmt.Errorf("overlapping, but not both serve")
		}
	case Starting, Upgrading:
		if booting != 1 || w.h.find(w.h.successor) == nil {
			return fmt.Errorf("%s, but nothing boots", w.h.phase)
		}
	}
	return nil
}

// holdDeadlines: I5.
func (w *world) holdDeadlines(_ *world, e Event) error {
	if _, ok := e.(Due); ok && !w.h.Deadline().IsZero() && !w.h.Deadline().After(w.now) {
		return fmt.Errorf("I5: what was due is not done")
	}
	if w.h.phase != Serving && w.h.phase != Done && w.h.Deadline().IsZero() {
		return fmt.Errorf("I5: %s for ever", w.h.phase)
	}
	for i := range w.h.gens {
		if g := &w.h.gens[i]; g.phase != Whole && g.phase != Orphaned && g.due.IsZero() {
			return fmt.Errorf("I5: generation %d %s for ever", g.n, g.phase)
		}
	}
	return nil
}

// holdFiles: I6.
func (w *world) holdFiles(*world, Event) error {
	app, old := w.files.App, w.files.Old
	for _, n := range []int{app, old} {
		if t := w.find(n); n != 0 && (t == nil || t.headless) {
			return fmt.Errorf("I6: a pid file names generation %d, whose master is gone", n)
		}
	}
	if old != 0 && (app != 0 && old >= app || old == w.h.serving && w.h.phase != Upgrading) {
		return fmt.Errorf("I6: %s names the wrong ones", w.files)
	}
	if w.h.whole() && !w.h.leavingNow() && app != w.h.serving && app != w.h.successor {
		return fmt.Errorf("I6: the pid file does not name who serves")
	}
	for i := range w.h.gens {
		if g := &w.h.gens[i]; g.served() && !g.headless && g.n < app && old == 0 {
			return fmt.Errorf("I6: no .oldbin, though master %d is there", g.n)
		}
	}
	return nil
}

// holdEnd: I7.
func (w *world) holdEnd(*world, Event) error {
	for i := range w.living {
		if w.living[i].gone {
			return fmt.Errorf("nothing is left of generation %d, and it was not released", w.living[i].n)
		}
	}
	if w.over != w.h.Done() {
		return fmt.Errorf("I7: done is %t, left is %t", w.h.Done(), w.over)
	}
	if w.h.leavingNow() && !w.over && len(w.living) == 0 {
		return fmt.Errorf("I7: nothing is left, and the herd stays")
	}
	return nil
}

// holdCallers: I11, and a signal that asked for an upgrade is not lost.
func (w *world) holdCallers(*world, Event) error {
	if len(w.waiting) > 1 || len(w.waiting) == 1 && !w.h.under {
		return fmt.Errorf("I11: callers %v wait for nothing", w.waiting)
	}
	if w.owed && (w.h.phase == Serving || w.h.phase == Waiting) {
		return fmt.Errorf("the upgrade that a signal asked for is forgotten")
	}
	if w.h.leavingNow() {
		w.owed = false
	}
	return nil
}

// holdQuits: a QUIT to .oldbin that was held is carried out when the successor
// serves; one to the pid file ends the herd.
func (w *world) holdQuits(before *world, e Event) error {
	for i := range w.living {
		t := &w.living[i]
		if p := w.phaseOf(t.n); t.held && w.h.serving > t.n && p < Sealing {
			return fmt.Errorf("generation %d was asked to quit, and is %s", t.n, p)
		}
	}
	if r, ok := e.(Retire); ok && w.endedBy(before, r) && !w.h.leavingNow() {
		return fmt.Errorf("the master in the pid file was asked to quit, and the herd stays")
	}
	return nil
}

// holdWorkers: who serves has been told how many workers are wanted, and in a
// rolling upgrade there is never more than one too many, but for those that
// the sockets of the old generation need until it leaves.
func (w *world) holdWorkers(before *world, _ Event) error {
	want := w.h.workers
	if w.h.drained {
		want = 0
	}
	serving, successor := w.find(w.h.serving), w.find(w.h.successor)
	if (w.h.phase == Serving || w.h.phase == Overlapping && !w.h.policy.Rolling) && serving.want != want {
		return fmt.Errorf("%d workers wanted, %d asked for", want, serving.want)
	}
	if w.h.phase != Upgrading {
		return nil
	}
	rolling := w.h.policy.Rolling && w.h.whole()
	if !rolling && successor.want != want {
		return fmt.Errorf("%d workers wanted of the successor, %d asked for", want, successor.want)
	}
	if !rolling {
		return nil
	}
	if most := max(max(w.keptWorkers, w.h.workers)+1, serving.least+w.h.workers); !w.scaled && serving.want+successor.want > most {
		return fmt.Errorf("rolling: %d and %d workers, at most %d are allowed", serving.want, successor.want, most)
	}
	if w.keptWorkers > 0 && !w.keptDrained && serving.want == 0 {
		return fmt.Errorf("rolling: the old generation has no worker left, and the new one does not serve")
	}
	return nil
}
