package herd

import (
	"fmt"
	"slices"
)

// The invariants, by the names that FAULTS.md and the package comment give
// them. Each is asked after every single step.

// perform carries the effects of a step out in the world, in their order, and
// returns the first thing that is wrong with them or with where they led.
func (w *world) perform(before *world, e Event, effects []Effect) error {
	caller := id(e)
	if caller != 0 {
		w.asked = caller
		w.waiting = append(w.waiting, caller)
	}
	for _, effect := range effects {
		if err := w.performOne(before, e, effect); err != nil {
			return fmt.Errorf("%s: %w", effect, err)
		}
	}
	if caller != 0 && slices.Contains(w.waiting, caller) {
		if _, ok := e.(Upgrade); !ok {
			return fmt.Errorf("I11: caller %d was not answered", caller)
		}
	}
	for _, hold := range []func(*world, Event) error{
		w.holdServing, w.holdRoles, w.holdDeadlines, w.holdFiles, w.holdEnd, w.holdCallers, w.holdQuits, w.holdWorkers,
	} {
		if err := hold(before, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) performOne(before *world, e Event, effect Effect) error {
	if _, ok := effect.(Reply); w.over && !ok {
		return fmt.Errorf("I7: after the end")
	}
	switch f := effect.(type) {
	case Bug:
		return fmt.Errorf("cannot happen, and did")
	case Check:
		if f.Try <= before.h.try {
			return fmt.Errorf("I8: tries only rise")
		}
		w.checks = append(w.checks, f.Try)
		w.owed = false
	case Spawn:
		return w.performSpawn(before, e, f)
	case Tell:
		return w.performTell(before, e, f)
	case Seal:
		return w.performSeal(before, f)
	case Adopt:
		if g := w.h.find(f.Gen); g == nil || g.phase != Whole {
			return fmt.Errorf("adopted what does not serve")
		}
	case Release:
		return w.performRelease(before, f)
	case Publish:
		w.performPublish(f)
	case Reply:
		return w.answer(f.ID)
	case Conclude:
		return w.performConclude(f)
	case Leave:
		if len(w.living) > 0 {
			return fmt.Errorf("I7: left with %d generations there", len(w.living))
		}
		w.over = true
	}
	return nil
}

func (w *world) performSpawn(before *world, e Event, f Spawn) error {
	if f.Gen != w.spawned+1 {
		return fmt.Errorf("I8: numbers only rise, by one; the last was %d", w.spawned)
	}
	if w.stopped {
		return fmt.Errorf("spawned after the herd was asked to stop")
	}
	if _, ok := e.(Checked); ok {
		w.kept, w.keptWorkers, w.keptDrained, w.scaled = before.h.policy, before.h.workers, before.h.drained, false
	}
	w.spawned = f.Gen
	w.living = append(w.living, truth{n: f.Gen, want: f.Workers, silent: true})
	return nil
}

func (w *world) performTell(before *world, e Event, f Tell) error {
	t := w.find(f.Gen)
	if t == nil || t.gone {
		return fmt.Errorf("I3: told to a generation that is gone")
	}
	was := before.phaseOf(f.Gen)
	switch f.Verb {
	case Resize:
		t.want = f.N
		fallthrough
	case ReopenLogs:
		if t.headless {
			return fmt.Errorf("I3: its master is gone")
		}
		return nil
	case Quit:
		if (was == Whole || was == Orphaned) && !t.deserts {
			return fmt.Errorf("told to quit while it serves, unsealed")
		}
	case Halt:
		if !w.quick && !t.hasty {
			return fmt.Errorf("halted, and nobody asked for that")
		}
	case Kill:
		g := before.h.find(f.Gen)
		late := g != nil && g.phase == Retiring && !w.now.Before(g.due)
		_, again := e.(Quick)
		if !late && !(again && before.h.phase == Hurrying) {
			return fmt.Errorf("killed, though it had time to leave")
		}
	}
	t.told = true
	return w.mayLeave(before, t)
}

func (w *world) performSeal(before *world, f Seal) error {
	t := w.find(f.Gen)
	if t == nil || t.gone {
		return fmt.Errorf("I3: sealed for a generation that is gone")
	}
	t.queue = true
	return w.mayLeave(before, t)
}

// mayLeave holds I1 and I4: what serves is sent away only when another one
// serves, or the end was asked for.
func (w *world) mayLeave(before *world, t *truth) error {
	if was := before.phaseOf(t.n); w.stopped || t.deserts || was != Whole && was != Orphaned {
		return nil
	}
	for i := range w.h.gens {
		if g := &w.h.gens[i]; g.n != t.n && g.phase == Whole {
			return nil
		}
	}
	return fmt.Errorf("I1: sent away what serves, and no other generation does")
}

func (w *world) phaseOf(n int) GenPhase {
	if g := w.h.find(n); g != nil {
		return g.phase
	}
	return Gone
}

func (w *world) performRelease(before *world, f Release) error {
	t := w.find(f.Gen)
	if t == nil {
		return fmt.Errorf("released twice")
	}
	if g := before.h.find(f.Gen); !t.gone && (g.phase != Ending || w.now.Before(g.due)) {
		return fmt.Errorf("released while something of it is there")
	}
	w.living = slices.DeleteFunc(w.living, func(t truth) bool { return t.n == f.Gen })
	return nil
}

func (w *world) performPublish(f Publish) {
	if old := w.files.Old; old != 0 && old != f.Old && f.App == old {
		w.oldbin, w.oldbinUntil = old, w.now.Add(regret)
	}
	w.files = f
}

func (w *world) performConclude(f Conclude) error {
	for _, id := range f.IDs {
		if err := w.answer(id); err != nil {
			return err
		}
	}
	switch f.Verdict.Outcome {
	case Upgraded:
		if g := w.h.find(f.Verdict.To); g == nil || g.phase != Whole || w.h.serving != g.n {
			return fmt.Errorf("I4: it does not serve")
		}
	case Refused:
		w.owed = false
	case RolledBack:
		for i := range w.living {
			w.living[i].held = false
		}
		if w.h.find(f.Verdict.To) != nil && w.h.serving == f.Verdict.To {
			return fmt.Errorf("rolled back to what it should be rolled back from")
		}
		if w.h.policy != w.kept {
			return fmt.Errorf("the policy of the failed upgrade was kept")
		}
		if w.h.workers != w.keptWorkers && !w.scaled {
			return fmt.Errorf("%d workers wanted, %d before the failed upgrade", w.h.workers, w.keptWorkers)
		}
	}
	return nil
}

func (w *world) answer(id int) error {
	i := slices.Index(w.waiting, id)
	if i < 0 {
		return fmt.Errorf("I11: caller %d does not wait for an answer", id)
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return nil
}

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
// rolling upgrade there is never more than one too many.
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
	if most := max(w.keptWorkers, w.h.workers) + 1; rolling && !w.scaled && serving.want+successor.want > most {
		return fmt.Errorf("rolling: %d and %d workers, at most %d are allowed", serving.want, successor.want, most)
	}
	if rolling && w.keptWorkers > 0 && !w.keptDrained && serving.want == 0 {
		return fmt.Errorf("rolling: the old generation has no worker left, and the new one does not serve")
	}
	return nil
}
