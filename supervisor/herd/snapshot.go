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
	Workers                      int // wanted
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
		Phase: h.phase, Workers: h.workers, Drained: h.drained,
		Serving: h.serving, Successor: h.successor, Outgoing: h.outgoing,
	}
	for _, g := range h.gens {
		s.Generations = append(s.Generations, Generation{g.n, g.phase, g.up, g.since, g.due, g.headless})
	}
	return s
}

// Describe writes the whole state on one line, with times relative to now, so
// that two states which will behave alike read alike.
func (h *Herd) Describe(now time.Time) string {
	var b strings.Builder
	rel := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(now).String()
	}
	fmt.Fprintf(&b, "%s due=%s workers=%d serving=%d successor=%d outgoing=%d", h.phase, rel(h.due), h.workers, h.serving, h.successor, h.outgoing)
	for _, flag := range []struct {
		on   bool
		name string
	}{{h.drained, "drained"}, {h.again, "again"}, {h.under, "under"}, {h.settled, "settled"}} {
		if flag.on {
			b.WriteString(" " + flag.name)
		}
	}
	if h.tries > 0 {
		fmt.Fprintf(&b, " tries=%d", h.tries)
	}
	if now.Before(h.mercy) {
		fmt.Fprintf(&b, " mercy=%s", rel(h.mercy))
	}
	if !h.retry.IsZero() {
		fmt.Fprintf(&b, " retry=%s", rel(h.retry))
	}
	if len(h.callers) > 0 {
		fmt.Fprintf(&b, " callers=%v", h.callers)
	}
	for _, g := range h.gens {
		fmt.Fprintf(&b, " | %d %s up=%d/%d due=%s", g.n, g.phase, g.up, g.want, rel(g.due))
		for _, flag := range []struct {
			on   bool
			name string
		}{{g.served(), "served"}, {g.headless, "headless"}, {g.held, "held"}, {g.halted, "halted"}} {
			if flag.on {
				b.WriteString(" " + flag.name)
			}
		}
	}
	return b.String()
}

// Clone returns a herd that lives on its own, for a search over what may happen.
func (h *Herd) Clone() *Herd {
	c := *h
	c.gens, c.callers, c.out = slices.Clone(h.gens), slices.Clone(h.callers), nil
	return &c
}
