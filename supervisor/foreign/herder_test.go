package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// herder is the other end of a Follower: it takes every report at once.
type herder struct {
	*Follower
	w       *world
	process *proc.Process // as it was spawned; nil: the server started it

	mu   sync.Mutex
	book book
}

// book is what a Follower has said.
type book struct {
	state  master.State
	states []master.State // all of them, one after the other
	failed string
	tail   []string
	notes  []string
	extend []master.Duration
	found  proc.Ref
	over   bool
}

// start spawns a generation and follows it.
func (w *world) start(spec Spec) *herder {
	w.t.Helper()
	f, p, err := Start(w.spawner, spec)
	check(w.t, err)
	w.t.Cleanup(func() { p.Close() })
	h := w.hear(f)
	h.process = p
	if spec.Daemon {
		h.reap()
	}
	return h
}

// reap says how the process has ended that was spawned, as the herder's reaper does.
func (h *herder) reap() {
	over := make(chan struct{})
	_, err := h.process.Ended(func() {
		defer close(over)
		status, err := proc.Reap(h.process.Ref().PID)
		if err != nil {
			h.w.t.Error(err)
		}
		h.Left(status.Exited() && status.ExitStatus() == 0)
	})
	check(h.w.t, err)
	h.w.t.Cleanup(func() {
		if err := h.process.Signal(unix.SIGKILL); err != nil && !errors.Is(err, proc.ErrGone) {
			h.w.t.Error(err)
		}
		<-over
	})
}

// renew asks for a successor as the herder does.
func (h *herder) renew(change func(*Spec)) *herder {
	h.w.t.Helper()
	spec := h.spec
	spec.Generation++
	spec.After = h.Follower
	change(&spec)
	old, err := proc.OpenRef(h.ref())
	check(h.w.t, err)
	defer old.Close()
	f, err := Renew(old, spec)
	check(h.w.t, err)
	return h.w.hear(f)
}

func unchanged(*Spec) {}

func (w *world) hear(f *Follower) *herder {
	h := &herder{Follower: f, w: w}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for r := range f.C() {
			h.note(r)
			w.poke()
		}
		h.mu.Lock()
		h.book.over = true
		h.mu.Unlock()
		w.poke()
	}()
	w.t.Cleanup(func() { f.Close(); <-over })
	return h
}

func (h *herder) note(r master.Report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &h.book
	switch r.Kind {
	case master.ReportState:
		b.state, b.states = *r.State, append(b.states, *r.State)
	case master.ReportFailed:
		b.failed = r.Reason
	case master.ReportTail:
		b.tail = r.Tail
	case master.ReportExtend:
		b.extend = append(b.extend, r.Extend)
	case master.ReportMaster:
		b.found = proc.Ref{PID: r.PID, Start: r.Start}
	default:
		b.notes = append(b.notes, r.Reason)
	}
}

// read is a copy of what was said until now.
func (h *herder) read() book {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.book
}

// ref is the master, as far as it is known here.
func (h *herder) ref() proc.Ref {
	if found := h.read().found; found.PID != 0 {
		return found
	}
	return h.process.Ref()
}

func (h *herder) until(what string, done func(book) bool) book {
	h.w.t.Helper()
	defer func() {
		if h.w.t.Failed() {
			h.w.t.Logf("what was said: %+v", h.read())
		}
	}()
	h.w.until(what, func() bool { b := h.read(); return done(b) || b.over })
	said := h.read()
	if !done(said) {
		h.w.t.Fatalf("it is over before %s", what)
	}
	return said
}

// untilServes waits for a whole generation with so many workers.
func (h *herder) untilServes(n int) book {
	h.w.t.Helper()
	return h.until(fmt.Sprintf("%d workers that serve", n), func(b book) bool {
		return b.state.Whole && b.state.Up == min(n, 1) && len(b.state.Workers) == n
	})
}

func (h *herder) untilOver() book {
	h.w.t.Helper()
	return h.until("its end", func(b book) bool { return b.over })
}

// say gives an order.
func (h *herder) say(do string, n int) { h.Send(master.Order{Do: do, N: n}) }

// looked is the state after a look that is taken now.
func (h *herder) looked() master.State {
	h.w.t.Helper()
	before := len(h.read().states)
	h.say(master.DoCheck, 0)
	return h.until("a look", func(b book) bool { return len(b.states) > before }).state
}

func (b book) pids() (pids []int) {
	for _, w := range b.state.Workers {
		pids = append(pids, w.PID)
	}
	slices.Sort(pids)
	return pids
}

func (b book) noted(part string) bool {
	return slices.ContainsFunc(b.notes, func(n string) bool { return strings.Contains(n, part) })
}

// signal sends a signal to a process of the test.
func (w *world) signal(pid int, sig unix.Signal) {
	w.t.Helper()
	p, err := proc.Open(pid)
	check(w.t, err)
	defer p.Close()
	check(w.t, p.Signal(sig))
}

// alive: it is there, and no zombie.
func alive(pid int) bool {
	st, err := proc.Proc.Stat(pid)
	return err == nil && !st.Dead()
}

func parentOf(w *world, pid int) int {
	w.t.Helper()
	st, err := proc.Proc.Stat(pid)
	check(w.t, err)
	return st.PPID
}
