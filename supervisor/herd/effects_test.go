package herd

import (
	"fmt"
	"slices"
)

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
	case Follow:
		if _, ok := e.(Appeared); !ok {
			return fmt.Errorf("nothing has appeared")
		}
		return w.performSpawn(before, e, Spawn{f.Gen, w.h.find(f.Gen).want})
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
		w.files = f
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
	_, checked := e.(Checked)
	if _, appeared := e.(Appeared); checked || appeared {
		w.kept, w.keptWorkers, w.keptDrained, w.scaled = before.h.policy, before.h.workers, before.h.drained, false
	}
	w.spawned = f.Gen
	w.living = append(w.living, truth{n: f.Gen, want: f.Workers, least: w.h.policy.MinWorkers, silent: true})
	return nil
}

func (w *world) performTell(before *world, e Event, f Tell) error {
	t := w.find(f.Gen)
	if t == nil || t.gone {
		return fmt.Errorf("I3: told to a generation that is gone")
	}
	was := before.phaseOf(f.Gen)
	switch f.Verb {
	case Nudge, Count, Restore:
		if !w.h.policy.Foreign || t.headless || f.Gen != w.h.serving {
			return fmt.Errorf("only a foreign master that serves may be told so")
		}
		return nil
	case Resize:
		if was == Whole && f.N < t.least && !w.h.drained {
			return fmt.Errorf("I12: a socket is left without a worker: %d are needed", t.least)
		}
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
	for i := range w.living {
		if other := &w.living[i]; w.stopped && !other.told && before.phaseOf(other.n) == Booting {
			return fmt.Errorf("sealed, and generation %d may still accept on the same listeners", other.n)
		}
	}
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
		w.spare()
	case RolledBack:
		w.spare()
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

// spare: the upgrade came to nothing, and what was to be replaced stays.
func (w *world) spare() {
	for i := range w.living {
		w.living[i].held = false
	}
	w.spared, w.sparedUntil = w.h.serving, w.now.Add(regret)
}

func (w *world) answer(id int) error {
	i := slices.Index(w.waiting, id)
	if i < 0 {
		return fmt.Errorf("I11: caller %d does not wait for an answer", id)
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return nil
}
