package pool

import (
	"fmt"
	"time"
)

// MaxWorkers is the highest target; a higher one is clamped to it.
const MaxWorkers = 1000

// Policy is what a pool is told once.
type Policy struct {
	Workers      int           // the first target
	ReadyTimeout time.Duration // how long a worker may boot; 0: for ever (somebody else looks after it)
	StopTimeout  time.Duration // from the graceful word to SIGKILL
	KillTimeout  time.Duration // from the quick word, or an abort, to SIGKILL; and between two SIGKILLs
	Watchdog     time.Duration // longest silence of a worker that is up; 0: none asked
	Seed         uint64        // of the jitter; 0: no jitter
}

// Want is what the pool is to be; it only moves forward.
type Want uint8

// The wants.
const (
	Idle     Want = iota // not begun
	Run                  // keep the target up
	Quitting             // let all finish, then leave
	Halting              // be quick, then leave
	Done                 // has left
	wants
)

// Pool is the state of all workers. Only Step changes it.
type Pool struct {
	policy Policy
	want   Want
	target int
	peak   int       // the highest target there ever was
	whole  time.Time // when all of the target was up for the first time; zero: never
	code   int       // for Leave
	rand   uint64
	slots  []Slot // slots[0] is slot 1

	orders *orderTable
	cells  *cellTable

	// Of the running Step only.
	now     time.Time
	out     []Effect
	changed bool
}

// New returns a pool that waits for Begin.
func New(p Policy) *Pool {
	return &Pool{policy: p, rand: p.Seed, orders: &orders, cells: &cells}
}

// Step tells the pool what happened and returns what is to be done about it.
func (p *Pool) Step(now time.Time, e Event) []Effect {
	p.now, p.out, p.changed = now, nil, false
	if slot, is := slotOf(e); is {
		p.news(slot, e)
	} else {
		p.order(e)
	}
	p.settle()
	if p.changed {
		p.emit(Report{})
	}
	p.leaveWhenEmpty()
	return p.out
}

// Deadline is when the next Due is wanted; zero: never.
func (p *Pool) Deadline() time.Time {
	var first time.Time
	for i := range p.slots {
		if due := p.slots[i].Due; !due.IsZero() && (first.IsZero() || due.Before(first)) {
			first = due
		}
	}
	return first
}

// order looks an order up in the table and obeys it.
func (p *Pool) order(e Event) {
	w, is := wordOf(e)
	if !is {
		p.bug(fmt.Sprintf("unknown event %T", e))
		return
	}
	c := &p.orders[p.want][w]
	switch {
	case c.do != nil:
		c.do(p, e)
	case c.bug:
		p.bug(fmt.Sprintf("%v of a pool that wants %v: %s", w, p.want, c.why))
	}
}

// news looks news of one slot up in the table and acts on it.
func (p *Pool) news(slot int, e Event) {
	n, is := newsOf(e)
	if !is {
		p.bug(fmt.Sprintf("unknown event %T", e))
		return
	}
	if slot < 1 || slot > len(p.slots) {
		p.bug(fmt.Sprintf("%v of slot %d, there are %d", n, slot, len(p.slots)))
		return
	}
	s := &p.slots[slot-1]
	c := &p.cells[s.Phase][n]
	switch {
	case c.do != nil:
		c.do(p, s, e)
	case c.bug:
		p.bug(fmt.Sprintf("%v of worker %d, which is %v: %s", n, slot, s.Phase, c.why))
	}
}

// settle brings the number of kept workers towards the target and notices when
// the pool is whole for the first time.
func (p *Pool) settle() {
	if p.want != Run {
		return
	}
	kept, up, live, starting := p.count()
	for i := len(p.slots); i > 0 && kept > p.target; i-- {
		if s := &p.slots[i-1]; s.kept() {
			p.news(i, retire{})
			kept--
		}
	}
	if kept < p.target && starting == 0 && live < 2*p.peak {
		p.start(p.lowestFree())
	}
	if p.whole.IsZero() && up >= p.target {
		p.whole = p.now
		p.changed = true
	}
}

// count says how many slots are kept, up (and kept), taken, and being started.
func (p *Pool) count() (kept, up, live, starting int) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.kept() {
			kept++
			if s.Phase == Up {
				up++
			}
		}
		if s.Phase != Empty {
			live++
		}
		if s.Phase == Starting {
			starting++
		}
	}
	return kept, up, live, starting
}

func (p *Pool) lowestFree() *Slot {
	for i := range p.slots {
		if p.slots[i].Phase == Empty {
			return &p.slots[i]
		}
	}
	p.slots = append(p.slots, Slot{ID: len(p.slots) + 1})
	return &p.slots[len(p.slots)-1]
}

func (p *Pool) leaveWhenEmpty() {
	if p.want != Quitting && p.want != Halting {
		return
	}
	for i := range p.slots {
		if p.slots[i].Phase != Empty {
			return
		}
	}
	p.want = Done
	p.emit(Leave{Code: p.code})
}

func (p *Pool) emit(e Effect)   { p.out = append(p.out, e) }
func (p *Pool) bug(what string) { p.emit(Bug{What: what}) }
