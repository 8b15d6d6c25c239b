package pool

import (
	"fmt"
	"time"
)

// Fate says whether a slot's worker is kept: it is replaced when it dies.
type Fate uint8

// The fates.
const (
	Keep Fate = iota
	Go        // it was asked to leave, or will be as soon as it can be
	Back      // it was asked to leave and is replaced when it has
)

// Slot is a place for one worker.
type Slot struct {
	ID       int // from 1
	Phase    Phase
	Fate     Fate
	Ref      Ref       // zero when there is no process
	Since    time.Time // when the phase began
	Due      time.Time // when the phase has lasted too long; zero: never
	UpSince  time.Time // zero: this worker was never up
	Fails    int       // short lives in a row
	Restarts int       // workers this slot has lost
}

// kept: the slot counts towards the target.
func (s *Slot) kept() bool { return s.Phase != Empty && s.Fate != Go }

// The lives of workers: what counts as short, as good, and the waits between.
const (
	shortLife = time.Second
	goodLife  = 10 * time.Second
	firstWait = 100 * time.Millisecond
	longWait  = 30 * time.Second
)

// enter is the one place where a phase begins; lasts 0 means without a Due.
func (p *Pool) enter(s *Slot, ph Phase, lasts time.Duration) {
	s.Phase, s.Since, s.Due = ph, p.now, time.Time{}
	if lasts > 0 {
		s.Due = p.now.Add(lasts)
	}
	p.changed = true
}

// enterBounded is enter for the phases that must end: a limit of 0 is over at once.
func (p *Pool) enterBounded(s *Slot, ph Phase, lasts time.Duration) {
	p.enter(s, ph, lasts)
	s.Due = p.now.Add(max(lasts, 0))
}

func (p *Pool) tell(s *Slot, v Verb) { p.emit(Tell{Slot: s.ID, Verb: v}) }

func (p *Pool) note(s *Slot, format string, args ...any) {
	p.emit(Note{Slot: s.ID, Text: fmt.Sprintf(format, args...)})
}

// start asks for a worker in the slot. That is no change worth a report: the
// answer, which comes at once, is.
func (p *Pool) start(s *Slot) {
	changed := p.changed
	s.Fate, s.Ref, s.UpSince = Keep, Ref{}, time.Time{}
	p.enter(s, Starting, 0)
	p.changed = changed
	p.emit(Start{Slot: s.ID})
}

// again starts the replacement that had to wait.
func (p *Pool) again(s *Slot, _ Event) { p.start(s) }

// boot: the worker runs. If it was doomed meanwhile it hears so now.
func (p *Pool) boot(s *Slot, e Event) {
	s.Ref = e.(Spawned).Ref
	p.enter(s, Booting, p.policy.ReadyTimeout)
	switch {
	case s.Fate == Keep:
	case p.want == Halting:
		p.hurry(s, nil)
	default:
		p.retire(s, nil)
	}
}

// miss: there is no worker, as if it had died before it was up.
func (p *Pool) miss(s *Slot, e Event) { p.ended(s, "cannot be started: "+e.(SpawnFailed).Why) }

// serve: the worker is up, and its watchdog runs from here.
func (p *Pool) serve(s *Slot, _ Event) {
	s.UpSince = p.now
	p.enter(s, Up, p.policy.Watchdog)
}

// feed: the worker lives.
func (p *Pool) feed(s *Slot, _ Event) {
	if p.policy.Watchdog > 0 {
		s.Due = p.now.Add(p.policy.Watchdog)
	}
}

// extend gives more time, never less. Without a Due there is nothing to extend.
func (p *Pool) extend(s *Slot, e Event) {
	if due := p.now.Add(e.(Extend).By); !s.Due.IsZero() && due.After(s.Due) {
		s.Due = due
	}
}

// doom: there is nobody to be told now; when there is, or when it ends, it goes.
func (p *Pool) doom(s *Slot, _ Event) { s.Fate = Go }

// retire says the graceful word.
func (p *Pool) retire(s *Slot, _ Event) {
	s.Fate = Go
	p.tell(s, Graceful)
	p.enterBounded(s, Leaving, p.policy.StopTimeout)
}

// retireAgain: it leaves by itself and now will not be replaced; it is told all
// the same, for its own word may have been an early one. Who was told before is
// not told twice: a second TERM means "faster" to many a server.
func (p *Pool) retireAgain(s *Slot, _ Event) {
	if s.Fate == Keep {
		p.retire(s, nil)
	}
	s.Fate = Go
}

// letGo: the worker leaves by itself; it is replaced when it is gone.
func (p *Pool) letGo(s *Slot, _ Event) { p.enterBounded(s, Leaving, p.policy.StopTimeout) }

// hurry says the quick word.
func (p *Pool) hurry(s *Slot, _ Event) {
	s.Fate = Go
	p.tell(s, Quick)
	p.enterBounded(s, Rushing, p.policy.KillTimeout)
}

// abort: the worker hangs; it may leave a core for who wants to know why.
func (p *Pool) abort(s *Slot, e Event) {
	if _, silent := e.(overdue); silent {
		p.note(s, "gave no sign of life for %v, aborting it", p.policy.Watchdog)
	} else {
		p.note(s, "says that it hangs, aborting it")
	}
	p.tell(s, Abort)
	p.enterBounded(s, Aborting, p.policy.KillTimeout)
	if p.raising() {
		p.fail(s.ID, "hung before all workers were up")
	}
}

// kill is the answer to a deadline that passed; it is repeated until it helps.
func (p *Pool) kill(s *Slot, _ Event) {
	p.note(s, "did not leave within %v, killing it", p.now.Sub(s.Since))
	p.slay(s)
}

func (p *Pool) slay(s *Slot) {
	p.tell(s, Kill)
	p.enterBounded(s, Killing, max(p.policy.KillTimeout, firstWait))
}

// reject: the worker is not what it said. It has no socket, so no connection can
// have come to it, and it is killed.
func (p *Pool) reject(s *Slot, e Event) {
	why := e.(Unfit).Why
	p.note(s, "%s, killing it", why)
	p.slay(s)
	if p.raising() {
		p.fail(s.ID, why)
	}
}

// disown: the worker is not ready in time. It has the socket all the same, and may
// answer on it without having said so; what it has accepted it may finish.
func (p *Pool) disown(s *Slot, _ Event) {
	why := fmt.Sprintf("was not ready within %v", p.now.Sub(s.Since))
	p.note(s, "%s, asking it to leave", why)
	if p.raising() {
		p.fail(s.ID, why) // and with the others it is asked
		return
	}
	p.retire(s, nil)
	s.Fate = Back
}

func (p *Pool) logsAgain(s *Slot, _ Event) { p.tell(s, LogsAgain) }

func (p *Pool) passOn(s *Slot, e Event) {
	p.emit(Tell{Slot: s.ID, Verb: Relay, Signal: e.(relay).signal})
}

// bury: the process has ended.
func (p *Pool) bury(s *Slot, e Event) { p.ended(s, "ended: "+e.(Exited).How) }

// ended: the slot has no process. One that was to go frees its slot, one that
// was kept is replaced, or fails the pool that is being raised.
func (p *Pool) ended(s *Slot, how string) {
	switch {
	case s.Fate == Go:
		p.forget(s, nil)
	case p.raising():
		p.forget(s, nil)
		p.fail(s.ID, how)
	default:
		p.replace(s, how)
	}
}

// replace starts the next worker of the slot now, or after a wait.
func (p *Pool) replace(s *Slot, how string) {
	wait := p.wait(s)
	s.Restarts++
	if wait == 0 {
		p.note(s, "%s, replacing it", how)
		p.start(s)
		return
	}
	p.note(s, "%s, replacing it in %v", how, wait.Round(time.Millisecond))
	s.Ref = Ref{}
	p.enter(s, Waiting, wait)
}

// forget empties the slot: nothing of its worker is remembered.
func (p *Pool) forget(s *Slot, _ Event) {
	id := s.ID
	*s = Slot{ID: id}
	p.enter(s, Empty, 0)
}

// raising: the pool is to run and was never whole.
func (p *Pool) raising() bool { return p.want == Run && p.whole.IsZero() }
