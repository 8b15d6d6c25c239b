package master

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
)

// signals are caught apart: a death is never crowded out by what people send.
type signals struct {
	deaths chan os.Signal // one token: look who died
	wishes chan os.Signal
}

// wishes are reported to the herder by these names; anything else that can be
// caught is harmless.
var wishNames = map[os.Signal]string{
	unix.SIGQUIT: "QUIT", unix.SIGTERM: "TERM", unix.SIGINT: "INT", unix.SIGHUP: "HUP", unix.SIGUSR1: "USR1",
	unix.SIGUSR2: "USR2", unix.SIGTTIN: "TTIN", unix.SIGTTOU: "TTOU", unix.SIGWINCH: "WINCH",
}

func catch() *signals {
	s := &signals{deaths: make(chan os.Signal, 1), wishes: make(chan os.Signal, 64)}
	signal.Notify(s.deaths, unix.SIGCHLD)
	for sig := range wishNames {
		signal.Notify(s.wishes, sig)
	}
	signal.Ignore(harmless()...)
	return s
}

// harmless are the signals that mean nothing to a master: a log reader that is gone
// must not end it, a terminal not stop it. Those of the Go runtime and of faults are
// left alone, and 32 to 34, which C libraries keep (signal(7)), cannot be had.
func harmless() []os.Signal {
	var all []os.Signal
	for sig := unix.Signal(1); sig <= 64; sig++ {
		switch sig {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, unix.SIGPROF,
			unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, unix.SIGSYS, unix.SIGABRT, 32, 33, 34:
			continue
		}
		if _, wish := wishNames[sig]; !wish {
			all = append(all, sig)
		}
	}
	return all
}

// listen begins to turn the world into notices.
func (s *shell) listen(sig *signals) {
	go s.hearSignals(sig)
	go s.hearOrders()
	go s.hearWorkers()
}

func (s *shell) hearSignals(sig *signals) {
	for {
		var n Notice
		select {
		case <-sig.deaths:
			n = s.reap
		case wish := <-sig.wishes:
			n = func() []pool.Event {
				s.Say(Report{Kind: ReportAsked, Asked: wishNames[wish]})
				return nil
			}
		case <-s.done:
			return
		}
		if !s.post(n) {
			return
		}
	}
}

// hearOrders ends with the herder: then nobody will give orders any more.
func (s *shell) hearOrders() {
	for {
		var o Order
		err := s.conn.receive(&o)
		if err != nil && isSyntax(err) {
			continue
		}
		if err != nil {
			s.post(func() []pool.Event { return []pool.Event{pool.Lost{}} })
			return
		}
		if !s.post(func() []pool.Event { return s.ordered(o) }) {
			return
		}
	}
}

func (s *shell) ordered(o Order) []pool.Event {
	switch o.Do {
	case DoScale:
		return []pool.Event{pool.Scale{N: o.N}}
	case DoQuit:
		return []pool.Event{pool.Quit{}}
	case DoStop:
		return []pool.Event{pool.Stop{}}
	case DoReopen:
		return []pool.Event{pool.Reopen{}}
	case DoSignal:
		return []pool.Event{pool.Signal{Name: o.Signal}}
	case DoCheck:
		s.sendState()
		return nil
	}
	s.note(0, "does not know the order "+o.Do)
	return nil
}

// reap looks at every child that has died, while it is still a zombie and its pid
// cannot be anybody else's, and buries it.
func (s *shell) reap() []pool.Event {
	var events []pool.Event
	for {
		exit, ok, err := proc.Peek()
		if err != nil {
			s.note(0, err.Error())
		}
		if !ok {
			return events
		}
		w, helper := s.pids[exit.PID], s.helpers[exit.PID]
		if _, err := proc.Reap(exit.PID); err != nil {
			s.note(0, err.Error())
			return events
		}
		switch {
		case w != nil:
			events = append(events, s.bury(w, exit.Status)...)
		case helper != nil:
			helper <- exit.Status // buffered
			delete(s.helpers, exit.PID)
		} // else a stray of a worker: buried, that is all
	}
}
