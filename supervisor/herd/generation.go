package herd

import (
	"fmt"
	"time"
)

// generation is one master with its workers, as far as deciding needs it.
type generation struct {
	n        int
	phase    GenPhase
	due      time.Time // when the phase has lasted too long; zero: it may last
	want     int       // workers it was last told to have
	least    int       // fewer of them would leave one of its sockets without any
	up       int       // workers it last said are ready
	spoke    bool      // its master has said so at least once
	since    time.Time // it serves since then; zero: it never did
	headless bool      // its master is gone
	held     bool      // a QUIT to it waits until the successor serves
	halted   bool      // it was told to halt, not to quit
	doubt    string    // why it may not become ready
}

// served reports whether g ever was ready.
func (g *generation) served() bool { return !g.since.IsZero() }

// enter is the only way from one phase of a generation to another.
func (g *generation) enter(p GenPhase, due time.Time) { g.phase, g.due = p, due }

// The verbs of genTable. Each sets all that its transition needs and returns
// what it means for the herd.

func (h *Herd) weighUp(g *generation, now time.Time, e Event) Kind {
	g.up, g.spoke = e.(Up).N, true
	return h.weigh(g, now)
}

// weigh decides whether a booting generation serves now: never before its
// master has spoken, even if no worker is wanted. In a rolling upgrade it
// first lets the generations change places by one worker, which has as long
// to become ready as a whole generation otherwise.
func (h *Herd) weigh(g *generation, now time.Time) Kind {
	if !g.spoke {
		return quiet
	}
	if g.up >= h.workers {
		g.since = now
		g.enter(Whole, time.Time{})
		return SuccessorServes
	}
	old := h.find(h.serving)
	if h.policy.Rolling && old != nil && old.phase == Whole && g.up+1 > g.want {
		h.resize(old, min(old.want, max(1, old.least, h.workers-g.up)))
		h.resize(g, g.up+1)
		g.due = now.Add(h.policy.ReadyTimeout)
	}
	return quiet
}

func (h *Herd) record(g *generation, _ time.Time, e Event) Kind {
	g.up = e.(Up).N
	return quiet
}

func (h *Herd) extend(g *generation, now time.Time, e Event) Kind {
	if due := now.Add(e.(Extend).By); due.After(g.due) {
		g.due = due
	}
	return quiet
}

func (h *Herd) doubt(g *generation, _ time.Time, e Event) Kind {
	g.doubt = e.(Doubt).Why
	return quiet
}

func (h *Herd) unborn(g *generation, now time.Time, e Event) Kind {
	h.why = "could not be spawned: " + e.(StartFailed).Why
	return h.lose(g, now, e)
}

func (h *Herd) fail(g *generation, now time.Time, e Event) Kind {
	return h.forsake(g, now, e.(Failed).Why)
}

// desert: the master gives its start up although it serves by now, because
// fewer workers were wanted while the last ones failed. It leaves by itself.
func (h *Herd) desert(g *generation, now time.Time, e Event) Kind {
	h.judge(g, now)
	return h.forsake(g, now, e.(Failed).Why)
}

func (h *Herd) dieEarly(g *generation, now time.Time, e Event) Kind {
	g.headless = true
	return h.forsake(g, now, "master died before it was ready: "+e.(Died).How)
}

func (h *Herd) notReady(g *generation, now time.Time, _ Event) Kind {
	why := fmt.Sprintf(tooLate+"%s (%d of %d workers up)", h.policy.ReadyTimeout, g.up, h.workers)
	if g.doubt != "" {
		why += ": " + g.doubt
	}
	return h.forsake(g, now, why)
}

// forsake gives a booting generation up. It is asked to quit, not to halt:
// some of its workers may have accepted a connection already.
func (h *Herd) forsake(g *generation, now time.Time, why string) Kind {
	h.why = why
	h.note(g.n, "failed to start: "+why)
	h.quit(g, now)
	return h.lost(g)
}

func (h *Herd) orphan(g *generation, now time.Time, e Event) Kind {
	g.headless = true
	h.judge(g, now)
	h.why = "master died: " + e.(Died).How
	h.note(g.n, h.why)
	g.enter(Orphaned, time.Time{})
	if h.outgoing == g.n {
		return OutgoingLost
	}
	return ServingOrphaned
}

func (h *Herd) masterDied(g *generation, _ time.Time, _ Event) Kind {
	g.headless = true
	return quiet
}

// tellRest: the master may have died before it passed the word on.
func (h *Herd) tellRest(g *generation, _ time.Time, _ Event) Kind {
	g.headless = true
	verb := Quit
	if g.halted {
		verb = Halt
	}
	h.do(Tell{Gen: g.n, Verb: verb})
	return quiet
}

// vanish: everything of a generation is gone before it was asked to leave.
func (h *Herd) vanish(g *generation, now time.Time, e Event) Kind {
	if g.phase == Whole {
		h.judge(g, now)
	}
	h.why = "every process of it is gone"
	h.note(g.n, h.why)
	return h.lose(g, now, e)
}

func (h *Herd) lose(g *generation, _ time.Time, _ Event) Kind {
	g.enter(Gone, time.Time{})
	h.do(Release{g.n})
	return h.lost(g)
}

func (h *Herd) queuesEmpty(g *generation, now time.Time, _ Event) Kind {
	h.quit(g, now)
	return quiet
}

func (h *Herd) sealTimedOut(g *generation, now time.Time, _ Event) Kind {
	h.note(g.n, fmt.Sprintf("connections still wait after %s; told to quit all the same", h.policy.QueueTimeout))
	h.quit(g, now)
	return quiet
}

func (h *Herd) retireTimedOut(g *generation, now time.Time, _ Event) Kind {
	h.note(g.n, "did not leave in time; killed")
	h.kill(g, now)
	return quiet
}

func (h *Herd) abandon(g *generation, now time.Time, e Event) Kind {
	h.note(g.n, fmt.Sprintf("still there %s after SIGKILL; given up", h.policy.KillTimeout))
	return h.lose(g, now, e)
}

func (h *Herd) genTooLate(*generation, time.Time, Event) Kind { return quiet }

func (h *Herd) genCannotHappen(g *generation, _ time.Time, e Event) Kind {
	h.do(Bug{fmt.Sprintf("%T while generation %d was %s", e, g.n, g.phase)})
	return quiet
}

// judge remembers whether a generation that is lost had settled: a start that
// did not last counts as a failed one, except during the overlap, when the
// old generation takes over and nothing need be started.
func (h *Herd) judge(g *generation, now time.Time) {
	h.steady = h.credit(g, now)
	if !h.steady && g.n == h.serving && h.phase != Overlapping {
		h.tries++
	}
}

// credit reports whether g has settled, and forgets the failed starts if so.
func (h *Herd) credit(g *generation, now time.Time) bool {
	lasted := now.Sub(g.since) >= h.policy.Settle
	if lasted {
		h.settled, h.tries = true, 0
	}
	return lasted
}

// lost takes the role from a generation and says what losing it means.
func (h *Herd) lost(g *generation) Kind {
	switch g.n {
	case h.successor:
		h.successor = 0
		return SuccessorLost
	case h.serving:
		h.serving = 0
		return ServingLost
	case h.outgoing:
		h.outgoing = 0
		return OutgoingLost
	}
	return Departed
}

// The ways out of a generation, from gentle to hard.

// leave begins the end of a generation: what serves is sealed first, so that
// no connection is left waiting in a queue that nobody will look at again.
func (h *Herd) leave(g *generation, now time.Time) {
	switch g.phase {
	case Booting:
		h.quit(g, now)
	case Whole, Orphaned:
		g.enter(Sealing, now.Add(h.policy.QueueTimeout))
		h.do(Seal{g.n})
	case Sealing, Retiring, Ending, Gone: // on its way
	}
}

func (h *Herd) quit(g *generation, now time.Time) {
	g.enter(Retiring, now.Add(h.policy.StopTimeout))
	h.do(Tell{Gen: g.n, Verb: Quit})
}

func (h *Herd) halt(g *generation, now time.Time) {
	if g.phase == Ending || g.halted {
		return
	}
	g.halted = true
	g.enter(Retiring, now.Add(h.policy.QuickTimeout))
	h.do(Tell{Gen: g.n, Verb: Halt})
}

func (h *Herd) kill(g *generation, now time.Time) {
	if g.phase == Ending {
		return
	}
	g.enter(Ending, now.Add(h.policy.KillTimeout))
	h.do(Tell{Gen: g.n, Verb: Kill})
}

func (h *Herd) resize(g *generation, n int) {
	if g.headless || g.want == n {
		return
	}
	g.want = n
	h.do(Tell{Gen: g.n, Verb: Resize, N: n})
}
