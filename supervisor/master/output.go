package master

import (
	"fmt"

	"github.com/herderd/herder/supervisor/output"
	"github.com/herderd/herder/supervisor/pool"
)

// newOutput makes where a worker writes. While it boots the herder is told of what
// comes on its stderr: when its time is over, it is too late to ask.
func (s *shell) newOutput(w *worker) (*output.Output, error) {
	opts := output.Options{Pumps: &s.tasks, Both: s.row.LogsToStdout, Heard: func() {
		if w.telling.Load() {
			s.post(func() []pool.Event {
				s.lastWords(w)
				return nil
			})
		}
	}}
	w.telling.Store(true)
	if u := s.spec.User; u != nil {
		opts.UID, opts.GID = int(u.UID), int(u.GID)
	}
	if s.spec.LogPrefix {
		opts.Prefix = fmt.Sprintf("[%s %d.%d] ", s.spec.Name, s.spec.Generation, w.slot)
	}
	if s.spec.LogFile != "" {
		opts.Log = s.log
	}
	return output.New(opts)
}

// lastWords reports what a worker wrote last that boots, or has died of it.
func (s *shell) lastWords(w *worker) {
	switch {
	case s.workers[w.slot] != w:
	case !w.booting && !w.gone:
		w.telling.Store(false)
	default:
		s.Say(Report{Kind: ReportTail, Worker: w.slot, Tail: w.out.Tail()})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
