package herd

import (
	"fmt"
	"time"
)

// The verbs of herdTable for the passage from one generation to the next.

// start spawns a generation because no whole one serves.
func (h *Herd) start(now time.Time, _ Event) {
	h.phase, h.due = Starting, time.Time{}
	h.bring(now, h.workers)
}

// bring spawns the next generation in the role of successor.
func (h *Herd) bring(now time.Time, workers int) {
	h.expect(now, workers)
	h.do(Spawn{h.successor, workers})
}

// expect makes the next generation the successor.
func (h *Herd) expect(now time.Time, workers int) {
	h.last++
	g := generation{n: h.last, want: workers, least: h.policy.MinWorkers}
	g.enter(Booting, now.Add(h.policy.ReadyTimeout))
	h.gens = append(h.gens, g)
	h.successor, h.drained = g.n, false
}

// follow: the master that serves has started its successor, which nobody has asked
// the herd for. It is judged as any other. Who waits for an upgrade whose preflight is
// under way gets this one.
func (h *Herd) follow(now time.Time, _ Event) {
	if h.phase == Serving {
		h.under, h.since, h.from, h.callers = true, now, h.serving, nil
	}
	h.try++ // an answer that still comes belongs to nobody
	h.before, h.had, h.gave = h.policy, h.workers, h.workers
	h.phase, h.due = Upgrading, time.Time{}
	h.expect(now, h.workers)
	h.to = h.successor
	h.note(h.successor, "a successor that the master was told to start by somebody else")
	h.do(Follow{h.successor})
}

// checked: the preflight passed, or did not.
func (h *Herd) checked(now time.Time, e Event) {
	c := e.(Checked)
	if c.Try != h.try {
		return
	}
	if c.Why != "" {
		h.refused(now, c.Why)
		return
	}
	h.before, h.had = h.policy, h.workers
	h.policy = c.Policy
	if h.policy.Workers != h.before.Workers || h.policy.Foreign {
		h.workers = h.policy.Workers
	}
	h.want(h.workers)
	h.gave = h.workers
	h.phase, h.due = Upgrading, time.Time{}
	workers := h.workers
	if h.policy.Rolling && h.whole() {
		workers = min(1, workers)
	}
	h.bring(now, workers)
	h.to = h.successor
}

func (h *Herd) checkTimedOut(now time.Time, _ Event) {
	h.try++ // an answer that still comes belongs to nobody
	h.refused(now, "the preflight did not answer within "+h.due.Sub(h.since).String())
}

func (h *Herd) refused(now time.Time, why string) {
	h.conclude(now, Refused, why)
	switch {
	case h.whole():
		h.settle(now)
	case h.tries > 0:
		h.falter(now)
	default:
		h.start(now, nil)
	}
}

// settle returns to serving, and to the upgrade that was asked for meanwhile.
func (h *Herd) settle(now time.Time) {
	h.phase, h.due = Serving, time.Time{}
	h.fit(now)
	if h.again {
		h.check(now, Upgrade{})
	}
}

// serve: a generation that was started because none served does.
func (h *Herd) serve(now time.Time, _ Event) {
	h.crown(now)
	h.farewell(now)
	h.note(h.serving, "serving")
	h.settle(now)
}

// crown gives the successor the role of the serving generation.
func (h *Herd) crown(now time.Time) {
	if h.whole() {
		h.credit(h.find(h.serving), now)
	}
	h.mercy = time.Time{}
	h.outgoing, h.serving, h.successor = h.serving, h.successor, 0
	h.do(Adopt{h.serving})
}

// farewell lets the outgoing generation leave.
func (h *Herd) farewell(now time.Time) {
	if g := h.find(h.outgoing); g != nil {
		h.leave(g, now)
	}
	h.outgoing = 0
}

// commit: the successor serves. Until the overlap is over it can be undone.
func (h *Herd) commit(now time.Time, e Event) {
	h.crown(now)
	old := h.find(h.outgoing)
	if old == nil || old.phase != Whole || old.held || h.policy.Overlap == 0 {
		h.endOverlap(now, e)
		return
	}
	h.phase, h.due, h.proved = Overlapping, now.Add(h.policy.Overlap), h.workers
	h.note(h.serving, "serving beside the old generation")
}

// proven: the overlap has lasted. A successor whose workers keep dying, as its
// master keeps replacing them, is no better than one that never came up. Who
// was asked for only since then is not missed.
func (h *Herd) proven(now time.Time, e Event) {
	g, want := h.find(h.serving), min(h.proved, h.workers)
	if g.up < want {
		h.why = fmt.Sprintf("at the end of the overlap %d of %d workers were up", g.up, want)
		h.turnBack(now, e)
		return
	}
	h.endOverlap(now, e)
}

func (h *Herd) endOverlap(now time.Time, _ Event) {
	h.conclude(now, Upgraded, "")
	h.farewell(now)
	h.settle(now)
}

// rollBack: the successor is lost; what served goes on.
func (h *Herd) rollBack(now time.Time, _ Event) {
	h.conclude(now, RolledBack, h.why)
	h.restore()
	if h.whole() {
		h.recall()
		h.settle(now)
		return
	}
	h.stumble(now)
}

// recall: a foreign master may have been told, by the hooks of a successor that did
// not make it, to send workers away.
func (h *Herd) recall() {
	if h.policy.Foreign && !h.drained {
		h.do(Tell{Gen: h.serving, Verb: Restore})
	}
}

// restore undoes what the upgrade changed: the policy, and the number of
// workers unless somebody has scaled since.
func (h *Herd) restore() {
	if h.workers == h.gave {
		h.workers = h.had
	}
	h.policy = h.before
	h.want(h.workers)
}

// forgive: a QUIT that was held for a successor that does not come is void,
// and so is one that is still on its way.
func (h *Herd) forgive(now time.Time) {
	if g := h.find(h.serving); g != nil {
		g.held = false
		h.mercy = now.Add(regret)
	}
}

// backOut: somebody sent QUIT to the newer of two generations, which is how
// unicorn's and nginx's users back out of an upgrade.
func (h *Herd) backOut(now time.Time, e Event) {
	h.why = "backed out: the new master was asked to quit"
	if h.phase == Overlapping {
		h.turnBack(now, e)
		return
	}
	g := h.find(h.successor)
	h.successor = 0
	h.leave(g, now)
	h.rollBack(now, e)
}

// turnBack: during the overlap the new generation is lost; the old one, which
// still serves, takes its role back.
func (h *Herd) turnBack(now time.Time, _ Event) {
	if g := h.find(h.serving); g != nil {
		h.credit(g, now)
		h.leave(g, now)
	}
	h.serving, h.outgoing = h.outgoing, 0
	h.do(Adopt{h.serving})
	h.conclude(now, RolledBack, h.why)
	h.restore()
	h.recall()
	h.settle(now)
}

// recover: what served is lost, or lost its master.
func (h *Herd) recover(now time.Time, _ Event) {
	if h.steady {
		h.start(now, nil)
		return
	}
	h.falter(now)
}

func (h *Herd) goOn(time.Time, Event) {}

// hasten: nothing serves any more, so an answer that may never come is not
// worth waiting for as long as otherwise.
func (h *Herd) hasten(now time.Time, _ Event) { h.due = earlier(h.due, now.Add(haste)) }

// carryOn: the successor has nobody to change places with any more.
func (h *Herd) carryOn(now time.Time, _ Event) { h.fit(now) }

func (h *Herd) successorFailedToStart(now time.Time, _ Event) { h.stumble(now) }

// stumble counts a failed start.
func (h *Herd) stumble(now time.Time) {
	h.tries++
	h.falter(now)
}

// falter tries again after a pause, or gives the run up when no generation
// ever settled, nothing is left that serves, and nobody asked for another.
func (h *Herd) falter(now time.Time) {
	if !h.settled && h.serving == 0 && h.tries >= h.policy.StartTries && !h.again {
		h.verdict = Verdict{Outcome: NeverServed, Reason: h.why, To: h.last}
		h.note(h.last, "given up: "+h.why)
		h.disband(now, Stopping, h.leave)
		return
	}
	h.pause(now)
}

func (h *Herd) pause(now time.Time) {
	d := h.policy.backoff(h.tries)
	h.phase, h.due = Waiting, now.Add(d)
	if h.again {
		h.check(now, Upgrade{})
		return
	}
	h.note(0, "next try in "+d.String())
}

// conclude ends the upgrade under way, if there is one, with a verdict.
func (h *Herd) conclude(now time.Time, o Outcome, why string) {
	if !h.under {
		return
	}
	v := Verdict{Outcome: o, Reason: why, From: h.from, To: h.to, Took: now.Sub(h.since)}
	h.do(Conclude{v, h.callers})
	if o == Refused || o == RolledBack {
		h.forgive(now)
	}
	h.under, h.callers = false, nil
}
