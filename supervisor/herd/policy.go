package herd

import (
	"fmt"
	"time"
)

// Policy is what the configuration says about time and numbers. A change of
// it travels with [Checked] and is kept only if its generation makes it.
type Policy struct {
	Workers    int    // workers of a generation
	MaxWorkers int    // a wish for more is cut to this
	MinWorkers int    // and one for fewer is raised to this: with fewer, a socket of its own would have nobody who accepts
	MinWhy     string // says whose sockets those are
	Rolling    bool   // replace workers one by one instead of all at once
	Foreign    bool   // the masters count their own workers: a generation is one, which is up when it serves

	StartTries int           // failed starts before the run is given up, as long as none ever settled
	Settle     time.Duration // a generation that served this long was no failed start
	BackoffMin time.Duration // pause after the first failed start; doubles
	BackoffMax time.Duration
	Seed       uint64 // of the jitter of the pauses; 0 is no jitter

	CheckTimeout time.Duration // preflight
	ReadyTimeout time.Duration // booting
	Overlap      time.Duration // both generations serve
	QueueTimeout time.Duration // sealed listeners run empty
	StopTimeout  time.Duration // from quit to kill
	QuickTimeout time.Duration // from halt to kill
	KillTimeout  time.Duration // from kill to giving up on a process the kernel does not end

	MaxRetiring int // leaving generations beyond which an upgrade is refused
}

// Defaults is the policy of an empty configuration.
func Defaults() Policy {
	return Policy{
		Workers: 1, MaxWorkers: 1000,
		StartTries: 3, Settle: 10 * time.Second, BackoffMin: 500 * time.Millisecond, BackoffMax: 30 * time.Second,
		CheckTimeout: 30 * time.Second, ReadyTimeout: 60 * time.Second, QueueTimeout: 5 * time.Second,
		StopTimeout: 30 * time.Second, QuickTimeout: 5 * time.Second, KillTimeout: 5 * time.Second,
		MaxRetiring: 8,
	}
}

// cut is the number of workers next to n that there may be, and why it is not n.
func (p Policy) cut(n int) (workers int, why string) {
	switch {
	case n < 0 && p.MinWorkers == 0:
		return 0, fmt.Sprintf("0 workers, not %d: there are no fewer", n)
	case n < p.MinWorkers:
		return p.MinWorkers, fmt.Sprintf("%d workers, not %d: %s", p.MinWorkers, n, p.MinWhy)
	case n > p.MaxWorkers:
		return p.MaxWorkers, fmt.Sprintf("%d workers, not %d: there may be no more", p.MaxWorkers, n)
	}
	return n, ""
}

// publishRetry is how long after a pid file could not be written it is tried
// again: long enough not to fill a log while a disk is full.
const publishRetry = time.Second

// regret is how long after an upgrade that failed or was refused a QUIT to the
// serving master is taken as meant for the .oldbin it was a moment ago, or was
// to become: a deploy script reads that file, or the pid file before USR2, and
// signals some time later.
const regret = time.Second

// haste is how long a preflight may still take once nothing serves.
const haste = 3 * time.Second

// backoff is the pause before try number n (from 1) of a start: it doubles
// from BackoffMin to BackoffMax, and up to half of it is cut off by jitter so
// that many herders on one machine do not start in step.
func (p Policy) backoff(n int) time.Duration {
	d := p.BackoffMin
	for i := 1; i < n && d < p.BackoffMax; i++ {
		d *= 2
	}
	d = min(d, p.BackoffMax)
	if p.Seed == 0 || d < 2 {
		return d
	}
	return d - time.Duration(splitmix(p.Seed+uint64(n))%uint64(d/2))
}

// splitmix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): a number
// that looks random and is a function of its argument, so that a recorded run
// replays to the same pauses.
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
