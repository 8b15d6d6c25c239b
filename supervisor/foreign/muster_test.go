package foreign

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// seen is what one look saw, and when.
type seen struct {
	after         time.Duration // since the first look
	workers, idle int
	whole         bool
}

func TestMuster(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		muster muster
		looks  []seen
	}{
		"nobody works":                   {muster{}, []seen{{0, 0, 0, false}, {time.Hour, 0, 3, false}}},
		"all at once":                    {muster{}, []seen{{0, 2, 0, false}, {99 * ms, 2, 0, false}, {100 * ms, 2, 0, true}}},
		"one boots":                      {muster{}, []seen{{0, 2, 1, false}, {499 * ms, 2, 1, false}, {500 * ms, 2, 1, true}}},
		"the doubtful one works at last": {muster{}, []seen{{0, 2, 1, false}, {400 * ms, 3, 0, false}, {500 * ms, 3, 0, false}, {1200 * ms, 3, 0, true}}},
		"twice the longest distance":     {muster{}, []seen{{0, 1, 1, false}, {400 * ms, 2, 0, false}, {500 * ms, 3, 0, false}, {1299 * ms, 3, 0, false}, {1300 * ms, 3, 0, true}}},
		"fewer than before":              {muster{before: 4}, []seen{{0, 3, 0, false}, {2999 * ms, 3, 0, false}, {3000 * ms, 3, 0, true}}},
		"as many as before":              {muster{before: 3}, []seen{{0, 2, 0, false}, {50 * ms, 3, 0, false}, {150 * ms, 3, 0, true}}},
		"as many as expected":            {muster{expect: 2}, []seen{{0, 1, 0, false}, {time.Hour, 1, 0, false}, {time.Hour, 2, 5, true}}},
		"more than expected":             {muster{expect: 2, before: 9}, []seen{{0, 3, 0, true}}},
		"one dies":                       {muster{}, []seen{{0, 2, 0, false}, {90 * ms, 1, 0, false}, {100 * ms, 1, 0, false}, {190 * ms, 1, 0, true}}},
		"all die":                        {muster{}, []seen{{0, 2, 0, false}, {90 * ms, 0, 0, false}, {time.Hour, 0, 0, false}}},
	} {
		start := time.Unix(0, 0)
		for i, s := range c.looks {
			if got := c.muster.whole(start.Add(s.after), s.workers, s.idle); got != s.whole {
				t.Errorf("%s, look %d (%+v): whole %v", name, i, s, got)
			}
		}
	}
}

// Whatever was seen before: no generation is whole with nobody who works, nor before as many work as are expected; and
// one whose number stands still gets whole, in a time that can be told.
func TestMusterAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := muster{expect: rapid.IntRange(0, 4).Draw(t, "expect"), before: rapid.IntRange(0, 4).Draw(t, "before")}
		now, last, gap := time.Unix(0, 0), 0, time.Duration(0)
		for range rapid.IntRange(0, 30).Draw(t, "looks") {
			pause := time.Duration(rapid.IntRange(1, 2000).Draw(t, "pause")) * time.Millisecond
			workers, idle := rapid.IntRange(0, 6).Draw(t, "workers"), rapid.IntRange(0, 3).Draw(t, "idle")
			now, gap = now.Add(pause), gap+pause
			whole := m.whole(now, workers, idle)
			if whole && (workers == 0 || workers < m.expect) {
				t.Fatalf("whole with %d of %d", workers, m.expect)
			}
			if whole && m.expect == 0 && workers != last {
				t.Fatalf("whole at the moment when their number changed from %d to %d", last, workers)
			}
			last = workers
		}
		workers := max(m.expect, rapid.IntRange(1, 6).Draw(t, "at last"))
		m.whole(now, workers, 1)
		if patience := max(thinCrowd, 2*gap) + 2*time.Second; !m.whole(now.Add(patience), workers, 1) {
			t.Fatalf("not whole after %v with %d workers: %+v", patience, workers, m)
		}
	})
}
