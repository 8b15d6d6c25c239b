package herd

import (
	"fmt"
	"slices"
	"time"
)

// Herd is the state of everything tended. Only [Herd.Step] changes it.
type Herd struct {
	policy Policy
	before Policy // what to return to when the upgrade under way fails

	// What is.
	phase     Phase
	due       time.Time    // when the phase has lasted too long, or ends
	gens      []generation // those not gone, by number
	last      int          // number of the newest generation; numbers only rise
	serving   int          // roles: numbers of generations, 0 is none
	successor int
	outgoing  int
	proved    int // workers of the serving generation when the overlap began
	published Publish
	retry     time.Time // when to write the pid files again

	// What is wanted.
	workers int
	drained bool // the workers of the serving generation were sent away (WINCH)
	again   bool // another upgrade was asked for by a signal
	had     int  // workers that were wanted before the upgrade under way
	gave    int  // and what its configuration made of them

	// The upgrade under way.
	try     int // number of the preflight
	from    int
	to      int
	since   time.Time
	callers []int
	under   bool // there is one

	// How starts went.
	tries   int  // failed ones since one settled
	settled bool // a generation once did
	steady  bool // the generation just lost had settled
	why     string
	mercy   time.Time // until then a QUIT to the serving master is void

	verdict Verdict
	out     []Effect
}

// New returns a herd about to start its first generation, and the effects
// that do so.
func New(p Policy, now time.Time) (*Herd, []Effect) {
	h := &Herd{policy: p, before: p, workers: p.Workers, verdict: Verdict{Outcome: Stopped}}
	h.start(now, nil)
	return h, h.take()
}

// Step takes one event and returns what must be done, in order.
func (h *Herd) Step(now time.Time, e Event) []Effect {
	switch k := e.kind(); k {
	case HerdDue:
		h.passed(now)
	case ofGeneration:
		h.happen(now, e)
	default:
		h.occur(k, now, e)
	}
	return h.take()
}

// Deadline is when to step [Due] next; zero is never.
func (h *Herd) Deadline() time.Time {
	first := earlier(h.due, h.retry)
	for i := range h.gens {
		first = earlier(first, h.gens[i].due)
	}
	return first
}

// Done reports whether the run is over.
func (h *Herd) Done() bool { return h.phase == Done }

// Verdict says how the run ended, once it is [Done].
func (h *Herd) Verdict() Verdict { return h.verdict }

// occur looks an event of the herd up and does what the table says.
func (h *Herd) occur(k Kind, now time.Time, e Event) {
	herdTable[k][h.phase].do(h, now, e)
}

// happen looks a fact about a generation up, and what it means for the herd.
func (h *Herd) happen(now time.Time, e Event) {
	if r, ok := e.(Retire); ok {
		h.signalled(now, r)
		return
	}
	n, f, _ := about(e)
	h.befall(n, f, now, e)
}

func (h *Herd) befall(n int, f Fact, now time.Time, e Event) {
	g := h.find(n)
	if g == nil {
		g = &generation{n: n, phase: Gone}
	}
	meaning := genTable[f][g.phase].do(h, g, now, e)
	h.gens = slices.DeleteFunc(h.gens, func(g generation) bool { return g.phase == Gone })
	if meaning != quiet {
		h.occur(meaning, now, e)
	}
}

// signalled: what a QUIT to a master means depends on the role it has.
func (h *Herd) signalled(now time.Time, r Retire) {
	switch r.Gen {
	case 0:
	case h.serving:
		h.occur(ServingQuit, now, r)
	case h.successor:
		h.occur(SuccessorQuit, now, r)
	case h.outgoing:
		h.occur(OutgoingQuit, now, r)
	default:
		h.note(r.Gen, "asked to quit; it is leaving already")
		if g := h.find(r.Gen); g != nil && r.Quick {
			h.halt(g, now)
		}
	}
}

// passed steps every deadline that has come.
func (h *Herd) passed(now time.Time) {
	come := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if come(h.retry) {
		h.retry = time.Time{}
		h.do(h.published)
	}
	for _, n := range h.numbers() {
		if g := h.find(n); g != nil && come(g.due) {
			h.befall(n, factDue, now, Due{})
		}
	}
	if come(h.due) {
		h.occur(HerdDue, now, Due{})
	}
}

// take returns the effects of this step, the pid files last: they must name
// what has just been spawned.
func (h *Herd) take() []Effect {
	if p := h.files(); p != h.published && h.phase != Done {
		h.published = p
		h.do(p)
	}
	out := h.out
	h.out = nil
	return out
}

// files says what the pid files must hold. The pid file names the successor
// long before it is ready, as unicorn's does (SIGNALS), but not before it has
// spoken: until then its master may not catch signals yet, and one that is
// sent by the file would end it. .oldbin exists as long as an earlier master
// that served does.
func (h *Herd) files() Publish {
	p := Publish{App: h.serving}
	if g := h.find(h.successor); g != nil && g.spoke {
		p.App = g.n
	}
	p.Old = h.elder(p.App)
	if g := h.find(p.App); g == nil || g.headless || !g.spoke {
		p.App = 0
	}
	return p
}

// elder is the newest generation before app (0: before the next) that served
// and has its master still.
func (h *Herd) elder(app int) int {
	elder := 0
	for i := range h.gens {
		if g := &h.gens[i]; g.served() && !g.headless && (g.n < app || app == 0) {
			elder = g.n
		}
	}
	return elder
}

func (h *Herd) find(n int) *generation {
	for i := range h.gens {
		if h.gens[i].n == n {
			return &h.gens[i]
		}
	}
	return nil
}

func (h *Herd) numbers() []int {
	var ns []int
	for i := range h.gens {
		ns = append(ns, h.gens[i].n)
	}
	return ns
}

func (h *Herd) do(e Effect)              { h.out = append(h.out, e) }
func (h *Herd) note(gen int, why string) { h.do(Note{gen, why}) }
func (h *Herd) reply(id int, o Outcome, why string) {
	if id != 0 {
		h.do(Reply{id, o, why})
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (h *Herd) cannotHappen(_ time.Time, e Event) {
	h.do(Bug{fmt.Sprintf("%T while %s", e, h.phase)})
}
