package master

import (
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Did a worker that says it is ready take our socket?
//
//  1. Who has closed it did not.
//  2. Who waits on it did, and so did who answered a probe over it.
//  3. Who does neither, and listens nowhere else, is busy, or about to: believed.
//  4. Who listens on another socket has a port for its metrics, or has not
//     understood what it was given and made a socket of its own: gunicorn with a
//     LISTEN_PID that is not its pid binds 127.0.0.1:8000 and sends READY=1. It must
//     prove that it took ours: by waiting on it, or by a connection accepted from it.
//
// Where we may not look, or cannot see (datagram sockets do not listen, and accept
// nothing), we believe.

// proofTime is how long a worker of the last kind has to prove itself. From READY=1 to
// the first accept(2) a server takes milliseconds; one that says it long before its
// application is loaded needs another way of being ready (armed).
const proofTime = time.Second

// holds says whether one of the processes has one of our sockets open.
func (s *shell) holds(pids []int) bool {
	if len(s.inodes) == 0 {
		return true
	}
	for _, pid := range pids {
		if has, err := handoff.Holds(pid, s.inodes); has || err != nil {
			return true
		}
	}
	return false
}

// mayServeElsewhere says whether the evidence is such as a server on another socket
// gives, too.
func (s *shell) mayServeElsewhere(pids []int) bool {
	switch s.spec.Ready.Kind {
	case ready.KindArmed, ready.KindHTTP, ready.KindTCP:
		return false
	}
	return !s.waits(pids)
}

// waits says whether one of the processes waits on our sockets, as far as can be seen.
func (s *shell) waits(pids []int) bool {
	for _, pid := range pids {
		if how, err := ready.Armed(pid, s.inodes); how != "" || err != nil {
			return true
		}
	}
	return false
}

// elsewhere is where else the processes listen, "" if nowhere.
func (s *shell) elsewhere(pids []int) string {
	return ready.Elsewhere(pids, s.inodes)
}

// accepted says whether one of the processes has a connection from our sockets, as far
// as can be seen.
func (s *shell) accepted(pids []int) bool {
	all, err := ready.ListListeners()
	if err != nil {
		return true
	}
	took, err := all.Accepted(pids, s.inodes)
	return len(took) > 0 || err != nil
}

func notTaken(separator, elsewhere string) string {
	why := "did not take the socket"
	if elsewhere != "" {
		why += separator + "it listens on " + elsewhere + " instead"
	}
	return why
}

// prove looks for a proof, beside the loop: to list the connections of a host takes
// the kernel milliseconds.
func (s *shell) prove(w *worker) {
	w.doubted = true
	root := w.process.Ref()
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		elsewhere := s.unproven(root)
		s.post(func() []pool.Event { return s.proved(w, elsewhere) })
	}()
}

// unproven is where the worker serves instead of on our socket, "" as soon as there is
// a proof that it serves on ours, or when it no longer listens anywhere else.
func (s *shell) unproven(root proc.Ref) string {
	due := time.Now().Add(proofTime)
	var again time.Time
	for wait := shortPause; ; wait = min(2*wait, longPause) {
		last := time.Now().After(due) // before the look: there is one after that time, however late we are
		pids := tree(root)
		if s.waits(pids) {
			return ""
		}
		if began := time.Now(); last || began.After(again) {
			if s.accepted(pids) {
				return ""
			}
			// As with pause: a sixteenth of the time at most.
			again = time.Now().Add(16 * time.Since(began))
		}
		if last {
			return s.elsewhere(pids)
		}
		select {
		case <-time.After(wait):
		case <-s.done:
			return ""
		}
	}
}

func (s *shell) proved(w *worker, elsewhere string) []pool.Event {
	switch {
	case !w.booting || w.gone:
		return nil
	case elsewhere != "":
		return s.unfit(w, notTaken(": ", elsewhere))
	}
	return s.up(w)
}
