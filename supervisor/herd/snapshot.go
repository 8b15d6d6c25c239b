package herd

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Snapshot is what a status page may know of the herd.
type Snapshot struct {
	Phase                        Phase
	Due                          time.Time // when the phase has lasted too long, or ends; zero: it may last
	Why                          string    // the last start failed, or the last generation was lost
	Tries                        int       // starts that failed since one settled
	Workers                      int       // wanted
	Drained                      bool
	Serving, Successor, Outgoing int // numbers of generations; 0 is none
	Generations                  []Generation
}

// Generation is one of those not gone.
type Generation struct {
	Number   int
	Phase    GenPhase
	Up       int       // workers ready
	Since    time.Time // it serves since then; zero: it never did
	Due      time.Time // when its phase has lasted too long; zero: it may last
	Headless bool      // its master is gone
}

// Snapshot returns the present state.
func (h *Herd) Snapshot() Snapshot {
	s := Snapshot{
		Phase: h.phase, Due: h.due, Why: h.why, Tries: h.tries, Workers: h.workers, Drained: h.drained,
		Serving: h.serving, Successor: h.successor, Outgoing: h.outgoing,
	}
	for _, g := range h.gens {
		s.Generations = append(s.Generations, Generation{g.n, g.phase, g.up, g.since, g.due, g.headless})
	}
	return s
}

// Describe writes the state on one line, with times relative to now: what a
// person needs to see why the herd will do what it does next.
func (h *Herd) Describe(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s due=%s workers=%d serving=%d successor=%d outgoing=%d",
		h.phase, until(h.due, now), h.workers, h.serving, h.successor, h.outgoing)
	mark(&b, h.drained, "drained")
	mark(&b, h.again, "again")
	mark(&b, h.under, "under")
	mark(&b, h.settled, "settled")
	mark(&b, h.tries > 0, fmt.Sprintf("tries=%d", h.tries))
	mark(&b, now.Before(h.mercy), "mercy="+until(h.mercy, now))
	mark(&b, !h.retry.IsZero(), "retry="+until(h.retry, now))
	mark(&b, len(h.callers) > 0, fmt.Sprintf("callers=%v", h.callers))
	for i := range h.gens {
		h.gens[i].describe(&b, now, h.policy.Settle)
	}
	return b.String()
}

func (g *generation) describe(b *strings.Builder, now time.Time, settle time.Duration) {
	fmt.Fprintf(b, " | %d %s up=%d/%d due=%s", g.n, g.phase, g.up, g.want, until(g.due, now))
	if g.served() {
		fmt.Fprintf(b, " served=%s", min(now.Sub(g.since), settle))
	}
	mark(b, g.headless, "headless")
	mark(b, g.held, "held")
	mark(b, g.halted, "halted")
	mark(b, g.phase == Booting && g.doubt != "", "doubted")
}

func until(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Sub(now).String()
}

func mark(b *strings.Builder, on bool, name string) {
	if on {
		b.WriteString(" " + name)
	}
}

// Clone returns a herd that lives on its own, for a search over what may happen.
func (h *Herd) Clone() *Herd {
	c := *h
	c.gens, c.callers, c.out = slices.Clone(h.gens), slices.Clone(h.callers), nil
	return &c
}
