package master

import (
	"fmt"
	"time"

	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// unseen is how long a worker must live to be called ready when nothing can be
// seen: it has no socket to wait on, waits in an io_uring, or must not be looked at.
const unseen = time.Second

// Looks are taken while something boots, and only then. The pause grows with the
// age of the worker: a late look costs a sixteenth of the boot at most.
const (
	shortPause = time.Millisecond
	longPause  = 50 * time.Millisecond
)

func pause(age time.Duration) time.Duration { return min(max(age/16, shortPause), longPause) }

// looks is the timer of the next look; it is nil or stopped while nothing boots.
type looks struct {
	timer   *time.Timer
	pending bool
	probing bool   // a probe is under way, beside the loop
	trouble string // what the last probe said; each is noted once
}

func (l *looks) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// lookIn takes a look after a pause, unless one is planned already.
func (s *shell) lookIn(d time.Duration) {
	if s.looks.pending {
		return
	}
	s.looks.pending = true
	s.looks.timer = time.AfterFunc(d, func() {
		s.post(func() []pool.Event {
			s.looks.pending = false
			return s.look()
		})
	})
}

func (s *shell) wantsFD() bool {
	return s.spec.Ready.Kind == ready.KindAuto || s.spec.Ready.Kind == ready.KindFD
}

// awaitReady begins to wait for a worker that has just been started.
func (s *shell) awaitReady(w *worker) []pool.Event {
	w.booting = true
	switch s.spec.Ready.Kind {
	case ready.KindNone:
		return s.isReady(w)
	case ready.KindNotify, ready.KindFD:
	default:
		if !s.awaitsWord() {
			s.lookIn(shortPause)
		}
	}
	return nil
}

// awaitsWord: there is nothing to be seen of a worker that will say when it is ready.
func (s *shell) awaitsWord() bool {
	return s.spec.Ready.Kind == ready.KindAuto && s.row.SaysReady && len(s.inodes) == 0
}

// isReady: there is evidence that the worker serves. It is believed, unless it may
// serve some other socket than ours (took.go).
func (s *shell) isReady(w *worker) []pool.Event {
	if !w.booting || w.gone || w.doubted {
		return nil
	}
	pids := tree(w.process.Ref())
	elsewhere := ""
	holds := s.holds(pids)
	if !holds || s.mayServeElsewhere(pids) {
		elsewhere = s.elsewhere(pids)
	}
	switch {
	case !holds:
		return s.unfit(w, notTaken("; ", elsewhere))
	case elsewhere != "":
		s.prove(w)
		return nil
	}
	return s.up(w)
}

func (s *shell) up(w *worker) []pool.Event {
	w.booting = false
	return []pool.Event{pool.Ready{Slot: w.slot}}
}

func (s *shell) unfit(w *worker, why string) []pool.Event {
	w.booting = false
	return []pool.Event{pool.Unfit{Slot: w.slot, Why: why}}
}

// tree is a worker and all below it.
func tree(root proc.Ref) []int {
	pids := []int{root.PID}
	below, _ := proc.Proc.Descendants(pids[0])
	for _, ref := range below {
		pids = append(pids, ref.PID)
	}
	return pids
}

// look looks at all that boot, and plans the next look.
func (s *shell) look() []pool.Event {
	var events []pool.Event
	var next time.Duration
	for _, w := range s.workers {
		if !w.booting || w.doubted {
			continue
		}
		age := time.Since(w.started)
		if s.seesReady(w, age) {
			events = append(events, s.isReady(w)...)
			continue
		}
		if d := s.pauseFor(age); next == 0 || d < next {
			next = d
		}
	}
	if next > 0 {
		s.probe()
		s.lookIn(next)
	}
	return events
}

// pauseFor is until the next look at a worker of that age; a delay needs none on the way.
func (s *shell) pauseFor(age time.Duration) time.Duration {
	if how := s.spec.Ready; how.Kind == ready.KindDelay {
		return max(how.Delay-age, shortPause)
	}
	return pause(age)
}

// seesReady says whether what can be seen of a worker is enough.
func (s *shell) seesReady(w *worker, age time.Duration) bool {
	switch s.spec.Ready.Kind {
	case ready.KindDelay:
		return age >= s.spec.Ready.Delay
	case ready.KindAuto, ready.KindArmed:
		if len(s.inodes) == 0 {
			return age >= unseen
		}
		return s.armed(w)
	}
	return false
}

// armed looks whether a process of the worker waits on one of our sockets.
func (s *shell) armed(w *worker) bool {
	for _, pid := range tree(w.process.Ref()) {
		switch how, err := ready.Armed(pid, s.inodes); {
		case err == nil && how == "":
			continue
		case err == nil && how != ready.IOUring:
			return true
		case w.seen.IsZero():
			w.seen = time.Now()
			s.note(w.slot, fmt.Sprintf("cannot be seen to wait on its socket (%s); it counts as ready in %v", orError(how, err), unseen))
			return false
		default:
			return time.Since(w.seen) >= unseen
		}
	}
	return false
}

func orError(how string, err error) string {
	if err != nil {
		return err.Error()
	}
	return how
}

// awaitFD waits for the newline, beside the loop.
func (s *shell) awaitFD(w *worker) {
	go func() {
		if _, came := <-w.fd.C(); came {
			s.post(func() []pool.Event { return s.isReady(w) })
		}
	}()
}
