package pool

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// minStates is what the search must reach at least: a drop means that the world
// has lost moves or the pool has lost behaviour.
const minStates = 52_000

// TestExplore walks every state that a small pool can be in, in a world that may
// do anything at any moment, and checks the invariants in each.
func TestExplore(t *testing.T) {
	n := 0
	for _, b := range []budget{{mischief: 2, orders: 1, scales: 1}, {mischief: 2, orders: 2, beats: 1}} {
		states, trace := explore(&orders, &cells, b)
		if trace != "" {
			t.Fatal(trace)
		}
		n += states
	}
	fmt.Printf("pool: explored %d states\n", n)
	if n < minStates {
		t.Errorf("explored %d states, want at least %d", n, minStates)
	}
}

// budget bounds what the world may do in one run.
type budget struct{ mischief, orders, scales, beats int }

var explored = Policy{
	Workers: 2, ReadyTimeout: 3 * time.Second, StopTimeout: 5 * time.Second,
	KillTimeout: 2 * time.Second, Watchdog: 4 * time.Second,
}

// world is a pool and the truth about its workers.
type world struct {
	pool   *Pool
	now    time.Time
	starts []int        // asked for, not answered
	live   map[int]Verb // workers that run, and the worst they were told
	left   budget
	failed bool
	ended  bool
	wrong  string // the invariant that does not hold
}

const untold = verbs // no verb was said yet

func newWorld(o *orderTable, c *cellTable, b budget) *world {
	w := &world{pool: New(explored), now: epoch, live: map[int]Verb{}, left: b}
	w.pool.orders, w.pool.cells = o, c
	w.step(Begin{})
	return w
}

func (w *world) clone() *world {
	c, p := *w, *w.pool
	p.slots = append([]Slot(nil), p.slots...)
	c.pool, c.starts = &p, append([]int(nil), w.starts...)
	c.live = make(map[int]Verb, len(w.live))
	for slot, verb := range w.live {
		c.live[slot] = verb
	}
	return &c
}

// key is what two equal states share; times are relative to now.
func (w *world) key() string {
	p, l := w.pool, w.left
	b := make([]byte, 0, 128)
	b = append(b, byte(p.want), byte(p.target), byte(p.peak), bit(p.whole.IsZero()), byte(p.code), bit(w.failed),
		byte(l.mischief), byte(l.orders), byte(l.scales), byte(l.beats), byte(len(w.starts)))
	for _, slot := range w.starts {
		b = append(b, byte(slot))
	}
	for i := range p.slots {
		s := &p.slots[i]
		due := uint32(1 << 31)
		if !s.Due.IsZero() {
			due = uint32(s.Due.Sub(w.now) / time.Millisecond)
		}
		verb, live := w.live[s.ID]
		b = append(b, byte(s.Phase), byte(s.Fate), byte(w.lifeOf(s)), byte(s.Fails), bit(live), byte(verb))
		b = binary.BigEndian.AppendUint32(b, due)
	}
	return string(b)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// lifeOf is as exact as the rules about lives are.
func (w *world) lifeOf(s *Slot) int {
	switch life := w.now.Sub(s.UpSince); {
	case s.UpSince.IsZero():
		return 0
	case life < shortLife:
		return 1
	case life < goodLife:
		return 2
	}
	return 3
}

type move struct {
	name string
	do   func(*world)
}

// moves is everything that may happen next.
func (w *world) moves() []move {
	var ms []move
	add := func(name string, do func(*world)) { ms = append(ms, move{name, do}) }
	event := func(e Event) { add(fmt.Sprintf("%T%v", e, e), func(w *world) { w.step(e) }) }
	if len(w.starts) > 0 {
		event(Spawned{Slot: w.starts[0], Ref: Ref{PID: 9}})
	}
	if due := w.pool.Deadline(); !due.IsZero() && w.hanging(due) <= w.left.mischief {
		add("due", func(w *world) {
			w.left.mischief -= w.hanging(due)
			w.now = due
			w.step(Due{})
		})
	}
	for i := range w.pool.slots {
		w.movesOf(i+1, event)
	}
	if due := w.pool.Deadline(); due.IsZero() || due.Sub(w.now) > 3*time.Second {
		add("3s", func(w *world) { w.now = w.now.Add(3 * time.Second) })
	}
	w.orderMoves(event)
	return ms
}

// hanging counts the workers that would be found hanging at that time. To hang is
// mischief; to be slow to leave is not.
func (w *world) hanging(due time.Time) int {
	n := 0
	for i := range w.pool.slots {
		if s := &w.pool.slots[i]; (s.Phase == Up || s.Phase == Booting) && !s.Due.After(due) {
			n++
		}
	}
	return n
}

// movesOf is what one worker may do: what it should, and mischief.
func (w *world) movesOf(slot int, event func(Event)) {
	verb, live := w.live[slot]
	s := &w.pool.slots[slot-1]
	if live && s.Phase == Booting {
		event(Ready{slot})
	}
	if live && (verb != untold || s.Phase == Leaving || w.left.mischief > 0) {
		event(Exited{slot, "x"})
	}
	if live && s.Phase == Up && w.left.beats > 0 {
		event(Beat{slot})
	}
	if w.left.mischief == 0 {
		return
	}
	if !live {
		if len(w.starts) > 0 && w.starts[0] == slot {
			event(SpawnFailed{slot, "x"})
		}
		return
	}
	event(Unfit{slot, "x"})
	event(Hung{slot})
	event(Stopping{slot})
	event(Extend{slot, 7 * time.Second})
}

func (w *world) orderMoves(event func(Event)) {
	if w.left.scales > 0 {
		for n := range 4 {
			event(Scale{n})
		}
	}
	if w.left.orders > 0 {
		event(Quit{})
		event(Stop{})
		event(Lost{})
	}
	event(Reopen{})
	event(Signal{"HUP"})
}

// step lets the pool know, performs the effects in this world, and checks.
func (w *world) step(e Event) {
	before := w.pool.Snapshot()
	w.pay(e)
	effects := w.pool.Step(w.now, e)
	for _, effect := range effects {
		w.perform(effect, e)
	}
	w.check(e, before, effects)
}

// pay takes what an event costs, and makes it true.
func (w *world) pay(e Event) {
	switch e := e.(type) {
	case Spawned:
		w.starts, w.live[e.Slot] = w.starts[1:], untold
	case SpawnFailed:
		w.starts = w.starts[1:]
		w.left.mischief--
	case Exited:
		if w.live[e.Slot] == untold && w.pool.slots[e.Slot-1].Phase != Leaving {
			w.left.mischief--
		}
		delete(w.live, e.Slot)
	case Unfit, Hung, Stopping, Extend:
		w.left.mischief--
	case Beat:
		w.left.beats--
	case Scale:
		w.left.scales--
	case Quit, Stop, Lost:
		w.left.orders--
	}
}
