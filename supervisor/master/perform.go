package master

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
)

// killTime bounds one killing of a worker's tree; the pool repeats it.
const killTime = 2 * time.Second

// Tell says a verb to a worker, as its dialect spells it.
func (s *shell) Tell(t pool.Tell) {
	w := s.workers[t.Slot]
	if w == nil || w.gone {
		return
	}
	switch t.Verb {
	case pool.Kill:
		s.kill(w)
	case pool.Graceful:
		s.say(w, s.row.Says[dialect.Graceful], true)
	case pool.Quick:
		s.say(w, s.row.Says[dialect.Quick], true)
	case pool.Abort:
		s.say(w, s.row.Says[dialect.Abort], true)
	case pool.LogsAgain:
		s.say(w, s.row.Says[dialect.Reopen], false)
	case pool.Relay:
		s.say(w, t.Signal, false)
	}
}

// say sends a signal by its name; "" is a word the worker does not know. One that
// is to end is continued, too: who was stopped would not hear it (runit's sv does so).
func (s *shell) say(w *worker, name string, end bool) {
	if name == "" {
		return
	}
	sig, err := dialect.Signal(name)
	if err == nil {
		err = w.process.Signal(sig)
	}
	if err == nil && end && sig != unix.SIGKILL {
		err = w.process.Signal(unix.SIGCONT)
	}
	if err != nil && !errors.Is(err, proc.ErrGone) {
		s.note(w.slot, fmt.Sprintf("cannot be told %s: %v", name, err))
	}
}

// kill ends the worker and all it has started, beside the loop, which must go on
// reaping.
func (s *shell) kill(w *worker) {
	ref, slot := w.process.Ref(), w.slot
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		if left, err := proc.Proc.KillTree(ref, killTime); err != nil && !errors.Is(err, proc.ErrGone) {
			s.note(slot, fmt.Sprintf("%v: %d left", err, len(left)))
		}
	}()
}
