package foreign

import "time"

// How long the number of workers must have stood still. A server that forks its
// workers at a distance (a sleep in before_fork) is not taken for whole after the
// first: twice the longest distance is waited, and longer if the generation before
// had more of them.
const (
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
	switch {
	case workers == 0:
		return false
	case m.expect > 0:
		return workers >= m.expect
	}
	return now.Sub(m.since) >= max(m.patience(idle), 2*m.longest)
}

func (m *muster) patience(idle int) time.Duration {
	switch {
	case m.workers < m.before:
		return thinCrowd
	case idle > 0:
		return doubtful
	}
	return calm
}
