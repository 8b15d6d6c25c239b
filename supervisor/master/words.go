package master

import (
	"fmt"
	"os"
	"strconv"

	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// hearWorkers passes on what workers say on the notify socket.
func (s *shell) hearWorkers() {
	for m := range s.notify.C() {
		if !s.post(func() []pool.Event { return s.told(m) }) {
			return
		}
	}
}

// told turns a worker's message into events. What a stranger says is nothing.
func (s *shell) told(m ready.Message) []pool.Event {
	w := s.ownerOf(m.PID)
	if w == nil {
		s.stranger(m)
		return nil
	}
	if m.Err != nil && !w.babbled {
		w.babbled = true // a line of the log each would be a way to fill it
		s.note(w.slot, fmt.Sprintf("said on its notify socket what is not understood: %v", m.Err))
	}
	if m.Status != "" && m.Status != w.status {
		w.status = m.Status
		s.sendState()
	}
	return s.meaning(w, m)
}

func (s *shell) meaning(w *worker, m ready.Message) []pool.Event {
	var events []pool.Event
	// A server known to say READY=1 too early is believed only where the user says so.
	believed := s.spec.Ready.Kind == ready.KindNotify || s.spec.Ready.Kind == ready.KindAuto && !s.row.EarlyReady
	if m.Ready && believed {
		events = append(events, s.isReady(w)...)
	}
	if m.Extend > 0 {
		events = append(events, pool.Extend{Slot: w.slot, By: m.Extend})
		if w.booting {
			s.Say(Report{Kind: ReportExtend, Worker: w.slot, Extend: m.Extend})
		}
	}
	if m.Watchdog {
		events = append(events, pool.Beat{Slot: w.slot})
	}
	if m.WatchdogTrigger {
		events = append(events, pool.Hung{Slot: w.slot})
	}
	if m.Stopping {
		events = append(events, pool.Stopping{Slot: w.slot})
	}
	return events
}

// ownerOf finds the worker whose tree a process is in. One whose ancestors died
// has become a child of ours (we are its subreaper) and is known by its environment.
func (s *shell) ownerOf(pid int) *worker {
	self := os.Getpid()
	for at, depth := pid, 0; at > 1 && depth < maxDepth; depth++ {
		if w := s.pids[at]; w != nil {
			return w
		}
		if at == self {
			return s.ownerOfStray(pid)
		}
		st, err := proc.Proc.Stat(at)
		if err != nil {
			return nil
		}
		at = st.PPID
	}
	return nil
}

func (s *shell) ownerOfStray(pid int) *worker {
	if pid == os.Getpid() {
		return nil
	}
	mark, _ := proc.Proc.Environ(pid, "HERDER_WORKER")
	slot, _ := strconv.Atoi(mark)
	if w := s.workers[slot]; w != nil && !w.gone {
		return w
	}
	return nil
}

// stranger: said once, for whoever wonders why his READY=1 is not heard.
func (s *shell) stranger(m ready.Message) {
	if s.strangers {
		return
	}
	s.strangers = true
	s.note(0, fmt.Sprintf("process %d is none of ours, or was gone too soon, and spoke on the notify socket; such words are ignored", m.PID))
}
