package herd

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The search: everything that may happen to a herd, in every order, within
// the means of a few worlds.

// arena is one world to be searched.
type arena struct {
	name string
	p    func(*Policy)
	next func(*Policy) // what an upgrade changes
	left [purses]int8
}

// The times have a common measure, so that deadlines of different kinds come
// in every order and at once, and states that differ by nothing else are few.
func searchPolicy() Policy {
	return Policy{
		Workers: 1, MaxWorkers: 3, StartTries: 2, Settle: 8 * time.Second, BackoffMin: 4 * time.Second, BackoffMax: 4 * time.Second,
		CheckTimeout: 4 * time.Second, ReadyTimeout: 8 * time.Second, QueueTimeout: 4 * time.Second,
		StopTimeout: 8 * time.Second, QuickTimeout: 4 * time.Second, KillTimeout: 4 * time.Second, MaxRetiring: 3,
	}
}

func overlap(p *Policy) { p.Overlap = 4 * time.Second }
func more(p *Policy)    { p.Workers = 2 }
func foreign(p *Policy) { p.Foreign = true }

var arenas = []arena{
	{"a bit of everything", overlap, more, [purses]int8{upgrades: 2, faults: 2, stops: 2, retires: 2, wishes: 2, touches: 2, naps: 2, all: 2}},
	{"crashes", nil, nil, [purses]int8{upgrades: 1, faults: 3, all: 3}},
	{"no retry", func(p *Policy) { p.StartTries = 1 }, nil, [purses]int8{upgrades: 1, faults: 3, naps: 1, all: 3}},
	{"upgrades", func(p *Policy) { p.MaxRetiring = 1 }, nil, [purses]int8{upgrades: 3, faults: 1, all: 3}},
	{"overlap", overlap, nil, [purses]int8{upgrades: 1, faults: 1, retires: 1, all: 3}},
	{"signals", nil, nil, [purses]int8{upgrades: 1, retires: 2, naps: 1, all: 3}},
	{"rolling", func(p *Policy) { p.Rolling, p.Workers = true, 3 }, nil, [purses]int8{upgrades: 1, faults: 1, wishes: 1, all: 2}},
	{"no workers", func(p *Policy) { p.Workers = 0 }, nil, [purses]int8{upgrades: 1, faults: 2, wishes: 1, all: 2}},
	{"foreign", foreign, nil, [purses]int8{upgrades: 1, faults: 1, wishes: 2, all: 3}},
	{"sockets of their own", func(p *Policy) { p.Workers, p.MinWorkers = 2, 2 }, func(p *Policy) { p.Workers, p.MinWorkers = 1, 0 }, [purses]int8{upgrades: 1, faults: 1, wishes: 2, all: 2}},
	{"sockets to come", nil, func(p *Policy) { p.MinWorkers = 2 }, [purses]int8{upgrades: 1, faults: 1, wishes: 1, all: 2}},
	{"rolling sockets", func(p *Policy) { p.Rolling, p.Workers, p.MinWorkers = true, 3, 2 }, nil, [purses]int8{upgrades: 1, faults: 1, wishes: 1, all: 2}},
	{"impatience", overlap, nil, [purses]int8{upgrades: 1, stops: 2, all: 3}},
}

// found is what was wrong, and the shortest way there.
type found struct {
	err   error
	trace []move
}

func (f *found) report(a arena) string {
	var b strings.Builder
	fmt.Fprintf(&b, "world %q: %v\nafter:\n", a.name, f.err)
	w, err := a.begin()
	fmt.Fprintf(&b, "  begin: %s\n", w.h.Describe(w.now))
	for _, m := range f.trace {
		if err != nil {
			break
		}
		effects := w.rehearse(m)
		w, err = w.after(m)
		fmt.Fprintf(&b, "  %s\n", m)
		for _, e := range effects {
			fmt.Fprintf(&b, "      %s\n", e)
		}
		fmt.Fprintf(&b, "    = %s\n", w.h.Describe(w.now))
	}
	return b.String()
}

// rehearse returns the effects that m will have.
func (w *world) rehearse(m move) []Effect {
	if m.e == nil {
		return nil
	}
	h, now := w.h.Clone(), w.now.Add(m.nap)
	if _, ok := m.e.(Due); ok && h.Deadline().After(now) {
		now = h.Deadline()
	}
	return h.Step(now, m.e)
}

func (a arena) begin() (*world, error) {
	p := searchPolicy()
	if a.p != nil {
		a.p(&p)
	}
	next := p
	if a.next != nil {
		a.next(&next)
	}
	return newWorld(p, next, a.left)
}

// search is a breadth-first walk over everything that may happen.
type search struct {
	seen  map[uint64]struct{}
	steps []step // how each state was come by
	// For each end: how many steps it takes from states where that is known.
	ends [numGoals]map[uint64]int
}

type step struct {
	from int
	m    move
}

type node struct {
	w  *world
	at int // in steps
}

func newSearch() *search {
	s := &search{seen: map[uint64]struct{}{}}
	for i := range s.ends {
		s.ends[i] = map[uint64]int{}
	}
	return s
}

// explore searches a until nothing new is found, something is wrong, or limit
// states have been seen (0: no limit).
func (a arena) explore(limit int) (states int, _ *found) {
	s := newSearch()
	w, err := a.begin()
	if err != nil {
		return 1, &found{err, nil}
	}
	s.seen[w.key(true)] = struct{}{}
	s.steps = append(s.steps, step{from: -1})
	for queue := []node{{w, 0}}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		queue[0].w = nil
		if f := s.holdEnds(n); f != nil {
			return len(s.seen), f
		}
		for _, m := range n.w.moves() {
			c, err := n.w.after(m)
			if err != nil {
				return len(s.seen), &found{err, append(s.trace(n.at), m)}
			}
			k := c.key(true)
			if _, ok := s.seen[k]; ok {
				continue
			}
			s.seen[k] = struct{}{}
			s.steps = append(s.steps, step{n.at, m})
			queue = append(queue, node{c, len(s.steps) - 1})
			if limit > 0 && len(s.seen) >= limit {
				return len(s.seen), nil
			}
		}
	}
	return len(s.seen), nil
}

func (s *search) trace(at int) []move {
	if at <= 0 {
		return nil
	}
	return append(s.trace(s.steps[at].from), s.steps[at].m)
}

// The liveness L1: ends that must be reached from every state, each within so
// many steps, whatever happened before.
type goal int

const (
	kindServes   goal = iota // everything answers: the herd serves, or has left
	kindStops                // asked to stop, and everything answers
	hostileStops             // asked to stop, and nothing ever answers
	numGoals
)

const patience = 60

func (s *search) holdEnds(n node) *found {
	if n.w.over {
		return nil
	}
	term := move{e: Stop{}}
	stopped, err := n.w.after(term)
	if err != nil {
		return &found{err, append(s.trace(n.at), term)}
	}
	for e, start := range [numGoals]*world{kindServes: n.w, kindStops: stopped, hostileStops: stopped} {
		if f := s.walk(goal(e), start); f != nil {
			if start == stopped {
				f.trace = append([]move{term}, f.trace...)
			}
			f.trace = append(s.trace(n.at), f.trace...)
			return f
		}
	}
	return nil
}

func (e goal) reached(w *world) bool {
	return w.over || e == kindServes && w.settled()
}

func (e goal) next(w *world) (move, bool) {
	if e == hostileStops {
		return w.hostile()
	}
	return w.kind()
}

// walk goes on until e is reached or it is known how far that is.
func (s *search) walk(e goal, w *world) *found {
	var trace []move
	var path []uint64
	far := 0
	for !e.reached(w) {
		k := w.key(false)
		if d, ok := s.ends[e][k]; ok {
			far = d
			break
		}
		path = append(path, k)
		m, ok := e.next(w)
		if !ok || len(path) > patience {
			return &found{errNoEnd, trace}
		}
		trace = append(trace, m)
		c, err := w.after(m)
		if err != nil {
			return &found{err, trace}
		}
		w = c
	}
	for i, k := range path {
		s.ends[e][k] = far + len(path) - i
	}
	if far+len(path) > patience {
		return &found{errNoEnd, trace}
	}
	return nil
}

var errNoEnd = errors.New("L1: it goes on for ever: neither serves nor ends")

// TestExplore searches every world, and fails when it finds less than it
// used to: a search that has become small proves little.
func TestExplore(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // many small things, most of them kept
	var total atomic.Int64
	t.Run("world", func(t *testing.T) {
		for _, a := range arenas {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				n, f := a.explore(exploreLimit)
				total.Add(int64(n))
				if f != nil {
					t.Fatal(f.report(a))
				}
				t.Logf("%d states", n)
			})
		}
	})
	fmt.Printf("herd: explored %d states in %d worlds\n", total.Load(), len(arenas))
	if total.Load() < exploreFloor {
		t.Errorf("explored %d states, at least %d are expected", total.Load(), exploreFloor)
	}
}
