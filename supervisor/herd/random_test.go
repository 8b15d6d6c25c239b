package herd

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The search is exhaustive, and so its worlds are small. Here they are large,
// with times that have no common measure, and the walks are long and random.

func rich() (left [purses]int8) {
	for i := range left {
		left[i] = math.MaxInt8
	}
	return left
}

// TestRandomWalks: whatever happens, for however long, the invariants hold;
// and in the end a herd can be brought to serve, and to stop.
func TestRandomWalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		next := p
		next.MinWorkers = rapid.IntRange(0, p.MaxWorkers).Draw(t, "next min workers")
		next.Workers = rapid.IntRange(next.MinWorkers, p.MaxWorkers).Draw(t, "next workers")
		next.Overlap = drawDuration(t, "next overlap", 0)
		next.Rolling = rapid.Bool().Draw(t, "next rolling")
		w, err := newWorld(p, next, rich())
		if err != nil {
			t.Fatal(err)
		}
		t.Repeat(walkActions(&w))
		holdEndsOf(t, w)
	})
}

func drawPolicy(t *rapid.T) Policy {
	most := rapid.IntRange(1, 4).Draw(t, "max workers")
	least := rapid.IntRange(0, most).Draw(t, "min workers")
	return Policy{
		MaxWorkers: most, MinWorkers: least,
		Workers:    rapid.IntRange(least, most).Draw(t, "workers"),
		Rolling:    rapid.Bool().Draw(t, "rolling"),
		StartTries: rapid.IntRange(1, 4).Draw(t, "tries"), MaxRetiring: rapid.IntRange(1, 4).Draw(t, "max retiring"),
		Seed: rapid.Uint64().Draw(t, "seed"), Settle: drawDuration(t, "settle", 1),
		BackoffMin: drawDuration(t, "backoff", 1), BackoffMax: drawDuration(t, "longest backoff", 1),
		CheckTimeout: drawDuration(t, "check", 1), ReadyTimeout: drawDuration(t, "ready", 1), QueueTimeout: drawDuration(t, "queue", 1),
		Overlap: drawDuration(t, "overlap", 0), StopTimeout: drawDuration(t, "stop", 1),
		QuickTimeout: drawDuration(t, "quick", 1), KillTimeout: drawDuration(t, "kill", 1),
	}
}

func drawDuration(t *rapid.T, name string, least int) time.Duration {
	return time.Duration(rapid.IntRange(least, 20000).Draw(t, name)) * time.Millisecond
}

// walkActions are the moves of the world by who makes them. One action is one
// move, so that a failing walk shrinks to the shortest.
func walkActions(w **world) map[string]func(*rapid.T) {
	of := func(by ...purse) func(*rapid.T) {
		return func(t *rapid.T) {
			ms := slices.DeleteFunc((*w).moves(), func(m move) bool { return !slices.Contains(by, m.pay) })
			if len(ms) == 0 {
				return // nothing of the kind can happen now
			}
			m := rapid.SampledFrom(ms).Draw(t, "move")
			c, err := (*w).after(m)
			if err != nil {
				t.Fatalf("%s: %v\n%s", m, err, (*w).h.Describe((*w).now))
			}
			*w = c
		}
	}
	return map[string]func(*rapid.T){
		"answers": of(free), "faults": of(faults), "upgrades": of(upgrades), "wishes": of(wishes, touches),
		"signals": of(retires), "time": of(naps), "stops": rarely(of(stops)),
	}
}

// rarely lets an action happen one time in eight: a walk should go on a while
// before somebody ends it.
func rarely(do func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		if rapid.IntRange(0, 7).Draw(t, "rarely") > 0 {
			return
		}
		do(t)
	}
}

type failer interface {
	Fatalf(format string, args ...any)
}

// holdEndsOf asks of one world what the search asks of each.
func holdEndsOf(t failer, w *world) {
	s := newSearch()
	s.steps = append(s.steps, step{from: -1})
	if f := s.holdEnds(node{w, 0}); f != nil {
		t.Fatalf("%v\nfrom %s\nby %v", f.err, w.h.Describe(w.now), f.trace)
	}
}

// FuzzSteps: every byte is one move of the world, or a late word about a
// generation that is gone or never was.
func FuzzSteps(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 500 {
			return
		}
		p := searchPolicy()
		if len(data) > 0 {
			b := data[0]
			p.Workers, p.Rolling, p.StartTries, p.MaxRetiring = int(b&3), b&4 != 0, 1+int(b>>3&1), 1+int(b>>4&1)
			p.Overlap = time.Duration(b>>5) * time.Second
			data = data[1:]
		}
		next := p
		next.Workers = 3 - p.Workers
		w, err := newWorld(p, next, rich())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range data {
			w = fuzzStep(t, w, b)
		}
		holdEndsOf(t, w)
	})
}

func fuzzStep(t *testing.T, w *world, b byte) *world {
	if b >= 0xe0 {
		lateWord(t, w, b)
		return w
	}
	ms := w.moves()
	if len(ms) == 0 {
		return w
	}
	m := ms[int(b)%len(ms)]
	c, err := w.after(m)
	if err != nil {
		t.Fatalf("%s: %v\n%s", m, err, w.h.Describe(w.now))
	}
	return c
}

// lateWord tells the herd something about a generation that is not there:
// it must not do anything about it.
func lateWord(t *testing.T, w *world, b byte) {
	n := int(b>>3&3) - 1 + w.spawned // the last two, or one that will be
	if w.find(n) != nil {
		return
	}
	before := w.h.Describe(w.now)
	words := []Event{StartFailed{n, ""}, Up{n, 9}, Extend{n, time.Hour}, Doubt{n, ""}, Failed{n, ""}, Died{n, ""}, Emptied{n}, Drained{n}, Retire{n, true}, Checked{Try: -1}}
	word := words[int(b)%len(words)]
	for _, e := range w.h.Step(w.now, word) {
		if _, ok := e.(Note); !ok {
			t.Fatalf("%+v, late: %s", word, e)
		}
	}
	if after := w.h.Describe(w.now); after != before {
		t.Fatalf("%+v, late, changed\n%s\nto\n%s", word, before, after)
	}
}
