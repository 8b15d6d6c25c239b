package foreign

import (
	"math"
	"time"
)

// How long the number of workers must have stood still. A server that forks its
// workers at a distance (a sleep in before_fork) is not taken for whole after the
// first: twice the longest distance is waited, and longer if the generation before
// had more of them. Once it has as many as that one had, nothing is lost if the rest
// comes later.
const (
	glance    = 10 * time.Millisecond  // it has as many as the generation before, and none that does not work
	calm      = 100 * time.Millisecond // every child of the master works
	doubtful  = 500 * time.Millisecond // some do not; they may be helpers, or may boot
	thinCrowd = 3 * time.Second        // fewer than the generation before had
)

// muster decides when a generation is whole. It is told what was seen, and when.
type muster struct {
	expect int // workers that make it whole; 0: as many as the server starts
	before int // workers that the generation before it had; 0: nobody knows

	workers int
	since   time.Time     // the number has not changed since
	longest time.Duration // between two that arrived
}

// whole is told how many processes work, and how many more there are below the
// master that may yet.
func (m *muster) whole(now time.Time, workers, idle int) bool {
	if workers != m.workers {
		if m.workers > 0 && workers > m.workers {
			m.longest = max(m.longest, now.Sub(m.since))
		}
		m.workers, m.since = workers, now
	}
	return m.missing(now, idle) <= 0
}

// never is longer than any generation is waited for.
const never = time.Duration(math.MaxInt64)

// missing is how long the number must still stand for the generation to be whole.
func (m *muster) missing(now time.Time, idle int) time.Duration {
	switch {
	case m.workers == 0 || m.workers < m.expect:
		return never
	case m.expect > 0:
		return 0
	}
	return m.patience(idle) - now.Sub(m.since)
}

func (m *muster) patience(idle int) time.Duration {
	switch {
	case m.workers < m.before:
		return max(thinCrowd, 2*m.longest)
	case idle > 0:
		return max(doubtful, 2*m.longest)
	case m.before > 0:
		return glance
	}
	return max(calm, 2*m.longest)
}
