package pool

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestProperties lets rapid draw long runs of a bigger pool than the search can
// walk; the same world checks the same invariants.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(&orders, &cells, budget{mischief: 30, orders: 2, scales: 20, beats: 30})
		for range rapid.IntRange(0, 80).Draw(t, "moves") {
			ms := w.moves()
			if w.ended || len(ms) == 0 {
				break
			}
			m := ms[rapid.IntRange(0, len(ms)-1).Draw(t, "move")]
			t.Log(m.name)
			m.do(w)
			if w.wrong != "" {
				t.Fatal(w.wrong)
			}
		}
		if wrong := w.judge(); wrong != "" {
			t.Fatal(wrong)
		}
	})
}

// TestBackoff: waits double, are jittered downwards only, and stay within bounds.
func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(Policy{Seed: rapid.Uint64Min(1).Draw(t, "seed")})
		fails := rapid.IntRange(1, 100).Draw(t, "fails")
		d := backoff(fails)
		if want := min(firstWait<<min(fails-1, 20), longWait); d != want {
			t.Fatalf("backoff(%d) = %v, want %v", fails, d, want)
		}
		if j := p.jitter(d); j > d || j <= d/2 {
			t.Fatalf("jitter(%v) = %v", d, j)
		}
	})
}

// FuzzSteps: a byte is a move of the world; the invariants hold whatever it does.
func FuzzSteps(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		w := newWorld(&orders, &cells, budget{mischief: 40, orders: 2, scales: 30, beats: 30})
		for _, b := range bytes[:min(len(bytes), 200)] {
			ms := w.moves()
			if w.ended || len(ms) == 0 {
				break
			}
			ms[int(b)%len(ms)].do(w)
			if w.wrong != "" {
				t.Fatal(w.wrong)
			}
		}
		if wrong := w.judge(); wrong != "" {
			t.Fatal(wrong)
		}
	})
}

// TestPoolIsPure: no clock, no goroutine, no system in the core.
func TestPoolIsPure(t *testing.T) {
	for _, file := range []string{"pool.go", "orders.go", "phase.go", "slot.go", "backoff.go", "names.go", "event.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"time.Now", "time.After", "time.Sleep", "go func", "sync", "\t\"os\"\n", "\t\"log", "chan "} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s speaks of %s", file, strconv.Quote(word))
			}
		}
	}
	if d := New(Policy{}).Deadline(); d != (time.Time{}) {
		t.Errorf("a new pool has a deadline: %v", d)
	}
}
