package foreign

import (
	"testing"
	"time"
)

// As many workers as the generation before had are enough, whatever the distance at which they came; nothing is whole at
// the first look at them.
func TestAsManyAsBeforeAreWholeAtAGlance(t *testing.T) {
	m := muster{before: 3}
	now := time.Unix(0, 0)
	for _, look := range []struct {
		after         time.Duration
		workers, idle int
		missing       time.Duration
	}{
		{0, 0, 1, never},
		{time.Second, 1, 0, thinCrowd},
		{900 * time.Millisecond, 2, 0, thinCrowd},
		{time.Second, 3, 1, 2 * time.Second}, // the fourth may boot: twice the longest distance
		{time.Millisecond, 4, 0, glance},
		{glance - 1, 4, 0, 1},
		{1, 4, 0, 0},
	} {
		now = now.Add(look.after)
		whole := m.whole(now, look.workers, look.idle)
		if missing := m.missing(now, look.idle); missing != look.missing || whole != (missing <= 0) {
			t.Errorf("%+v: whole %v, %v is missing", look, whole, missing)
		}
	}
}

func TestWithoutAGenerationBeforeAllAreWaitedFor(t *testing.T) {
	m := muster{}
	now := time.Unix(0, 0)
	m.whole(now, 1, 0)
	now = now.Add(80 * time.Millisecond)
	m.whole(now, 2, 0)
	if missing := m.missing(now, 0); missing != 160*time.Millisecond {
		t.Errorf("%v is missing after two workers at a distance of 80ms", missing)
	}
}
