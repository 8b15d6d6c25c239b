package foreign

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A signal is sent when the one before has had its effect, or was given its time.
func TestNudgeIsPaced(t *testing.T) {
	now := time.Unix(0, 0)
	n := nudge{by: 2}
	for i, c := range []struct {
		after   time.Duration
		workers int
		want    int
	}{
		{0, 3, 1}, {nudgePace - 1, 3, 0}, {nudgePace - 1, 4, 1}, // at once when it is there
		{time.Hour, 5, 0}, // two were asked for
	} {
		if got := n.due(now.Add(c.after), c.workers); got != c.want {
			t.Errorf("step %d (%+v): %d", i, c, got)
		}
	}
	n.by = -2
	for i, c := range []struct {
		after time.Duration
		want  int
	}{{2 * time.Hour, -1}, {2*time.Hour + nudgePace - 1, 0}, {2*time.Hour + nudgePace, -1}, {3 * time.Hour, 0}} {
		if got := n.due(now.Add(c.after), 5); got != c.want {
			t.Errorf("down, step %d (%+v): %d", i, c, got)
		}
	}
}

// However the number of workers moves, as many signals are sent as were asked for, and never two within the pace
// unless something has changed.
func TestNudgeSendsAsManyAsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		by := rapid.IntRange(-6, 6).Draw(t, "by")
		n, now, sum := nudge{by: by}, time.Unix(0, 0), 0
		var last time.Time
		had := -1
		for range 200 {
			now = now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "pause")) * time.Millisecond)
			workers := rapid.IntRange(0, 3).Draw(t, "workers")
			one := n.due(now, workers)
			if one != 0 && had == workers && now.Sub(last) < nudgePace {
				t.Fatalf("a second signal after %v, and still %d workers", now.Sub(last), workers)
			}
			if one != 0 {
				last, had = now, workers
			}
			sum += one
		}
		if sum != by {
			t.Fatalf("%d asked for, %d sent", by, sum)
		}
	})
}
