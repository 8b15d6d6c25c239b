package herd

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// world is all that is outside the herd and may do anything at any moment,
// within its means: the masters and workers, the preflight, the people, the
// disk, and the time that passes. It knows the truth about each generation as
// far as the herd has been told.
type world struct {
	h    *Herd
	now  time.Time
	next Policy // what a preflight that passes brings
	left [purses]int8

	living  []truth // spawned, and not released
	spawned int
	checks  []int   // preflights that have not answered
	files   Publish // what is on the disk
	over    bool    // the herd has left

	asked   int   // callers so far
	waiting []int // those who wait for the verdict of an upgrade
	owed    bool  // a signal asked for an upgrade that has not begun
	stopped bool  // somebody asked for the end
	quick   bool  // and quickly

	lasted      bool   // a generation settled while it was the serving one
	kept        Policy // what the upgrade under way must give back if it fails
	keptWorkers int
	keptDrained bool
	scaled      bool // since then
	spared      int  // was to be replaced when a signal may have been sent to it
	sparedUntil time.Time
}

// truth is what is so about one generation.
type truth struct {
	n, want, up int
	least       int  // workers its sockets need
	silent      bool // nothing was heard of it yet: it may turn out not to exist
	headless    bool // its master is gone
	deserts     bool // its master gave its start up
	queue       bool // its listeners are sealed, and somebody waits in them
	told        bool // to quit, halt, or be killed
	gone        bool // nothing is left
	held        bool // asked to quit while its successor boots
	hasty       bool // asked to quit quickly
}

// purse is what a kind of surprise is paid from: a search is bounded by what
// is in them, and an answer that was asked for is free.
type purse int

const (
	free purse = iota
	upgrades
	faults
	stops
	retires
	wishes
	touches
	naps
	all // together
	purses
)

// move is one thing that may happen next.
type move struct {
	pay purse
	nap time.Duration // passes first
	e   Event         // nil: nothing but time
}

func (m move) String() string {
	s := ""
	if m.nap > 0 {
		s = fmt.Sprintf("%s pass, ", m.nap)
	}
	if m.e == nil {
		return s + "nothing happens"
	}
	return fmt.Sprintf("%s%s%+v", s, strings.TrimPrefix(fmt.Sprintf("%T", m.e), "herd."), m.e)
}

func newWorld(p, next Policy, left [purses]int8) (*world, error) {
	w := &world{now: dawn, next: next, left: left}
	h, effects := New(p, w.now)
	w.h = h
	before := &world{h: &Herd{policy: p}, now: w.now}
	return w, w.perform(before, nil, effects)
}

func (w *world) clone() *world {
	c := *w
	c.h = w.h.Clone()
	c.living, c.checks, c.waiting = slices.Clone(w.living), slices.Clone(w.checks), slices.Clone(w.waiting)
	return &c
}

func (w *world) find(n int) *truth {
	for i := range w.living {
		if w.living[i].n == n {
			return &w.living[i]
		}
	}
	return nil
}

// after returns the world after m, and what was wrong with what the herd did.
func (w *world) after(m move) (*world, error) {
	c := w.clone()
	if m.pay != free {
		c.left[m.pay]--
		c.left[all]--
	}
	c.now = c.now.Add(m.nap)
	if m.e == nil {
		return c, nil
	}
	if _, ok := m.e.(Due); ok {
		if d := c.h.Deadline(); d.After(c.now) {
			c.now = d
		}
	}
	c.lasted = c.lasted || w.lasts(c.now)
	c.witness(w, m.e)
	return c, c.perform(w, m.e, c.h.Step(c.now, m.e))
}

// lasts reports whether what serves has settled by now.
func (w *world) lasts(now time.Time) bool {
	g := w.h.find(w.h.serving)
	return g != nil && g.phase == Whole && now.Sub(g.since) >= w.h.policy.Settle
}

// witness makes so what e says.
func (w *world) witness(before *world, e Event) {
	if n, _, _ := about(e); n != 0 {
		if t := w.find(n); t != nil {
			t.witness(e)
		}
		return
	}
	switch e := e.(type) {
	case Checked:
		w.checks = slices.DeleteFunc(w.checks, func(try int) bool { return try == e.Try })
	case Upgrade:
		w.owed = w.owed || e.ID == 0 && !before.h.leavingNow()
	case Stop:
		w.quick = w.quick || before.h.phase == Stopping
		w.stopped = true
	case Quick:
		w.stopped, w.quick = true, true
	case Scale:
		w.scaled = true
	case Retire:
		w.witnessRetire(before, e)
	}
}

func (t *truth) witness(e Event) {
	t.silent = false
	switch e := e.(type) {
	case Up:
		t.up = e.N
	case Failed:
		t.deserts = true
	case Died:
		t.headless = true
	case Emptied, StartFailed:
		t.gone = true
	case Drained:
		t.queue = false
	}
}

// witnessRetire says what a signal to a master means: to the one in the pid
// file, the end of the herd; unless an upgrade is under way, or was a moment
// ago, so that whoever sent it may have meant the old master.
func (w *world) witnessRetire(before *world, r Retire) {
	if p := before.h.phase; (p == Checking || p == Upgrading) && r.Gen == before.h.serving {
		w.find(r.Gen).held = true
	}
	t := w.find(r.Gen)
	t.hasty = t.hasty || r.Quick
	if w.endedBy(before, r) {
		w.stopped = true
		w.quick = w.quick || r.Quick
	}
}

func (w *world) endedBy(before *world, r Retire) bool {
	mercy := r.Gen == w.spared && w.now.Before(w.sparedUntil)
	p := before.h.phase
	if p == Starting {
		return r.Gen == before.h.successor // its pid may be known otherwise before it is in the file
	}
	return r.Gen == before.files.App && p == Serving && !mercy
}

func (h *Herd) leavingNow() bool { return h.phase >= Stopping }

// moves returns everything that may happen next.
func (w *world) moves() []move {
	var ms []move
	add := func(pay purse, e Event) {
		if pay == free || w.left[pay] > 0 && w.left[all] > 0 {
			ms = append(ms, move{pay: pay, e: e})
		}
	}
	for i := range w.living {
		w.living[i].moves(w, add)
	}
	for _, try := range w.checks {
		add(free, Checked{Try: try, Policy: w.next})
		add(faults, Checked{Try: try, Why: "broken"})
	}
	if !w.h.Deadline().IsZero() {
		add(free, Due{})
	}
	w.people(add)
	add(touches, Touched{})
	add(touches, Touched{Failed: true})
	if w.left[naps] > 0 && w.left[all] > 0 && !w.over {
		for _, d := range []time.Duration{regret, w.h.policy.Settle, time.Hour} {
			ms = append(ms, move{pay: naps, nap: d})
		}
	}
	return ms
}

func (w *world) people(add func(purse, Event)) {
	id := w.asked + 1
	add(upgrades, Upgrade{id})
	add(upgrades, Upgrade{})
	if w.h.policy.Foreign && !w.over {
		add(upgrades, Appeared{})
	}
	add(stops, Stop{id})
	add(stops, Quick{id})
	add(wishes, Scale{ID: id, N: 1, Relative: true})
	add(wishes, Scale{ID: id, N: -1, Relative: true})
	add(wishes, Drain{id})
	add(wishes, Reopen{id})
}

func (t *truth) moves(w *world, add func(purse, Event)) {
	leave := faults // to go without being asked is a fault
	if t.told || t.deserts {
		leave = free
	}
	if t.headless {
		add(free, Emptied{t.n})
	} else {
		add(leave, Emptied{t.n})
		add(leave, Died{t.n, "killed"})
		if !w.over {
			add(retires, Retire{Gen: t.n})
			add(retires, Retire{Gen: t.n, Quick: true})
		}
		t.reports(w, add)
	}
	if t.queue {
		add(free, Drained{t.n})
	}
}

func (t *truth) reports(w *world, add func(purse, Event)) {
	g := w.h.find(t.n)
	if t.silent {
		add(faults, StartFailed{t.n, "no memory"})
	}
	if !t.told && !t.deserts && (t.silent || t.up < t.want) {
		add(free, Up{t.n, t.want})
		if t.up == 0 && t.want > 1 {
			add(free, Up{t.n, 1})
		}
	}
	if !t.told && !t.deserts && (g.phase == Booting || t.up < t.want) {
		add(faults, Failed{t.n, "exit 1"})
	}
}

// kind is the next answer of a world that means well, from now on.
func (w *world) kind() (move, bool) {
	for i := range w.living {
		t := &w.living[i]
		switch {
		case t.told || t.deserts:
			return move{e: Emptied{t.n}}, true
		case t.queue:
			return move{e: Drained{t.n}}, true
		case !t.headless && (t.silent || t.up < t.want):
			return move{e: Up{t.n, t.want}}, true
		}
	}
	if n := len(w.checks); n > 0 {
		return move{e: Checked{Try: w.checks[n-1], Policy: w.next}}, true
	}
	return w.hostile()
}

// hostile is a world in which nothing ever answers: only time passes.
func (w *world) hostile() (move, bool) {
	return move{e: Due{}}, !w.h.Deadline().IsZero()
}

// settled reports whether the herd serves and everything is as it should be.
func (w *world) settled() bool {
	return w.h.phase == Serving && len(w.living) == 1 && w.living[0].n == w.h.serving && len(w.waiting) == 0 && !w.owed
}
