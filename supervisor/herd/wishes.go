package herd

import (
	"fmt"
	"time"
)

// The verbs of herdTable for what a person asks.

// id returns whom to answer; 0 is nobody.
func id(e Event) int {
	switch e := e.(type) {
	case Upgrade:
		return e.ID
	case Stop:
		return e.ID
	case Quick:
		return e.ID
	case Scale:
		return e.ID
	case Drain:
		return e.ID
	case Reopen:
		return e.ID
	}
	return 0
}

// check begins an upgrade with the preflight.
func (h *Herd) check(now time.Time, e Event) {
	h.again = false
	h.under, h.since, h.from, h.to, h.callers = true, now, h.serving, 0, nil
	if n := id(e); n != 0 {
		h.callers = []int{n}
	}
	if leaving := h.leaving(); leaving >= h.policy.MaxRetiring {
		h.conclude(now, Refused, fmt.Sprintf("%d generations are still leaving", leaving))
		return
	}
	h.try++
	h.phase, h.due = Checking, now.Add(h.policy.CheckTimeout)
	h.do(Check{h.try})
}

func (h *Herd) leaving() int {
	n := 0
	for i := range h.gens {
		if h.gens[i].phase >= Sealing {
			n++
		}
	}
	return n
}

func (h *Herd) remember(_ time.Time, e Event) {
	if n := id(e); n != 0 {
		h.reply(n, Busy, "another upgrade, or a start, is under way")
		return
	}
	h.again = true
	h.note(0, "asked to upgrade: remembered until this one has ended")
}

func (h *Herd) refuse(_ time.Time, e Event) { h.reply(id(e), Leaving, "the herd is leaving") }

func (h *Herd) refuseNow(_ time.Time, e Event) {
	h.reply(id(e), Busy, "workers can be sent away only while one generation serves")
	h.note(0, "asked to drain workers: ignored, only while one generation serves")
}

func (h *Herd) accepted(_ time.Time, e Event) { h.reply(id(e), Accepted, "") }

// stop asks every generation to finish and leave.
func (h *Herd) stop(now time.Time, e Event) {
	h.reply(id(e), Accepted, "")
	h.disband(now, Stopping, h.leave)
}

// hurry asks every generation to leave at once.
func (h *Herd) hurry(now time.Time, e Event) {
	h.reply(id(e), Accepted, "")
	h.disband(now, Hurrying, h.halt)
}

func (h *Herd) killAll(now time.Time, e Event) {
	h.reply(id(e), Accepted, "")
	h.disband(now, Hurrying, h.kill)
}

// disband sends every generation away in the given manner, first those that
// boot: the listeners of one that serves can be sealed only if nobody stays who
// accepts on them. The one in the pid file stays there until it is gone.
func (h *Herd) disband(now time.Time, p Phase, manner func(*generation, time.Time)) {
	h.conclude(now, Leaving, "the herd was asked to stop")
	h.phase, h.due, h.again = p, time.Time{}, false
	if h.successor != 0 && !h.whole() {
		h.serving = h.successor
	}
	h.successor, h.outgoing = 0, 0
	for i := range h.gens {
		if g := &h.gens[i]; g.phase == Booting {
			manner(g, now)
		}
	}
	for i := range h.gens {
		manner(&h.gens[i], now) // nothing new to one that is on its way
	}
	h.departed(now, nil)
}

func (h *Herd) departed(time.Time, Event) {
	if len(h.gens) == 0 {
		h.phase, h.retry = Done, time.Time{}
		h.published = Publish{}
		h.do(h.published)
		h.do(Leave{h.verdict})
	}
}

// scale sets how many workers are wanted; the last word counts. None at all is
// a wish to send them away, and a wish that cannot be fulfilled is refused
// rather than made another one.
func (h *Herd) scale(now time.Time, e Event) {
	s := e.(Scale)
	if h.policy.Foreign && !h.drained {
		h.scaleForeign(s)
		return
	}
	if p := h.policy; !s.Relative && s.N == 0 && p.MinWorkers > 0 {
		h.reply(s.ID, Refused, fmt.Sprintf("cannot have 0 workers: %s; WINCH sends all away for a while", p.MinWhy))
		return
	}
	n := s.N
	if s.Relative {
		n += h.workers
	}
	if h.drained && (!s.Relative || s.N > 0) {
		h.drained = false // the workers that were sent away come back
		if s.Relative {
			n = h.workers
		}
	}
	if h.policy.Foreign {
		n = h.policy.Workers
	}
	h.reply(s.ID, Accepted, h.want(n))
	h.fit(now)
}

// scaleForeign passes the wish on to the master that serves, which alone knows how
// many workers it has. One that boots may die of a signal that it does not know yet.
func (h *Herd) scaleForeign(s Scale) {
	if !h.whole() {
		h.reply(s.ID, Busy, "no master serves that could be told")
		h.note(0, "asked to scale: ignored, no master serves that could be told")
		return
	}
	verb := Count
	if s.Relative {
		verb = Nudge
	}
	h.do(Tell{h.serving, verb, s.N})
	h.reply(s.ID, Accepted, "")
}

// want makes n workers the number that is wanted, or the next to it that there
// may be, and says why it is not n.
func (h *Herd) want(n int) (why string) {
	if h.workers, why = h.policy.cut(n); why != "" {
		h.note(0, why)
	}
	return why
}

// fit tells the generations how many workers they are to have now. The one
// that serves was made with another configuration than the successor, and may
// need more for its sockets.
func (h *Herd) fit(now time.Time) {
	rolling := h.policy.Rolling && h.phase == Upgrading && h.whole()
	if g := h.find(h.serving); g != nil && g.phase == Whole && !rolling && !h.drained {
		h.resize(g, max(h.workers, g.least))
	}
	g := h.find(h.successor)
	if g == nil {
		return
	}
	if !rolling {
		h.resize(g, h.workers)
	}
	if k := h.weigh(g, now); k != quiet {
		h.occur(k, now, nil)
	}
}

// whole reports whether the serving generation has its master.
func (h *Herd) whole() bool {
	g := h.find(h.serving)
	return g != nil && g.phase == Whole
}

// drain: where a socket needs a worker of its own, too. Without any worker all
// sockets are alike, and who connects waits in their queues.
func (h *Herd) drain(_ time.Time, e Event) {
	h.drained = true
	h.resize(h.find(h.serving), 0)
	h.reply(id(e), Accepted, "")
}

func (h *Herd) reopen(_ time.Time, e Event) {
	for i := range h.gens {
		if g := &h.gens[i]; !g.headless {
			h.do(Tell{Gen: g.n, Verb: ReopenLogs})
		}
	}
	h.reply(id(e), Accepted, "")
}

// quitServing: QUIT to the master in the pid file stops the herd, as it stops
// unicorn; but one that was to be replaced a moment ago was meant to be
// retired, and must stay.
func (h *Herd) quitServing(now time.Time, e Event) {
	if now.Before(h.mercy) {
		h.note(h.serving, "asked to quit just after an upgrade came to nothing; it serves and stays")
		return
	}
	h.quitHerd(now, e)
}

// quitHerd: the master in the pid file was asked to quit, and with it the herd.
func (h *Herd) quitHerd(now time.Time, e Event) {
	if e.(Retire).Quick {
		h.hurry(now, e)
		return
	}
	h.stop(now, e)
}

// hold: a QUIT to .oldbin before the successor serves must not cause a moment
// without a serving generation. During the preflight there is no .oldbin yet,
// but a script that sends USR2 and then QUIT to the pid that it read before
// means the same.
func (h *Herd) hold(_ time.Time, e Event) {
	h.note(h.serving, "asked to quit: it will, as soon as the successor serves")
	h.find(h.serving).held = true
}

func (h *Herd) touched(now time.Time, e Event) {
	if e.(Touched).Failed {
		h.retry = now.Add(publishRetry)
		return
	}
	h.do(h.published)
}

func (h *Herd) tooLate(time.Time, Event) {}
