package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// herder is the other end of a real master: this test binary, run again.
type herder struct {
	t       *testing.T
	link    *Link
	process *proc.Process
	stderr  *os.File // what the master and its workers write
	gone    bool

	state  State
	failed *Report
	tail   []string
	asked  []string
	notes  []string
	extend []Duration
}

// plan is what a test changes of the usual master.
type plan struct {
	spec      Spec
	env       []string
	listeners []*handoff.Listener
	stderr    *os.File // nil: a file that the test can read
}

func kind(k ready.Kind) ready.How { return ready.How{Kind: k} }

// shellWorker runs a script as the workers of a pool without sockets; echo >&3
// calls it ready.
func shellWorker(script string) plan {
	return plan{spec: Spec{
		Argv: []string{"/bin/sh", "-c", script}, Workers: 1, Ready: kind(ready.KindFD),
		StopTimeout: patience, KillTimeout: patience,
	}}
}

// faithful is a worker that serves until it is told to leave.
const faithful = `trap 'exit 0' TERM; echo >&3; while :; do sleep 600 & wait $!; done`

// testWorker is a worker of this binary, on a socket.
func testWorker(t *testing.T, name string) plan {
	t.Helper()
	l, err := handoff.Open(context.Background(), handoff.Spec{Name: "web", Network: handoff.TCP, Address: "127.0.0.1:0"})
	check(t, err)
	t.Cleanup(func() { l.Close() })
	self, err := os.Executable()
	check(t, err)
	return plan{
		spec: Spec{
			Argv: []string{self}, Workers: 1, Ready: kind(ready.KindAuto), StopTimeout: patience, KillTimeout: patience,
		},
		env: []string{workerKey + "=" + name}, listeners: []*handoff.Listener{l},
	}
}

func (p plan) with(change func(*Spec)) plan {
	change(&p.spec)
	return p
}

func startMaster(t *testing.T, p plan) *herder {
	t.Helper()
	h := &herder{t: t, stderr: p.stderr}
	if h.stderr == nil {
		f, err := os.CreateTemp(t.TempDir(), "stderr")
		check(t, err)
		t.Cleanup(func() { f.Close() })
		h.stderr = f
	}
	p.spec.Name, p.spec.Generation, p.spec.Umask = "app", 8, -1
	var fds []int
	for _, l := range p.listeners {
		p.spec.Listeners = append(p.spec.Listeners, l.Passed())
		fds = append(fds, l.FDs()...)
	}
	spec, link, err := Prepare(p.spec, fds, append(os.Environ(), p.env...), t.TempDir())
	check(t, err)
	spec.Files[1], spec.Files[2] = int(h.stderr.Fd()), int(h.stderr.Fd())
	spawner, err := proc.NewSpawner()
	check(t, err)
	defer spawner.Close()
	h.process, err = spawner.Spawn(spec)
	link.Spawned()
	check(t, err)
	h.link = link
	t.Cleanup(h.end)
	return h
}

// end leaves nothing behind, whatever the test did.
func (h *herder) end() {
	h.link.Close()
	if !h.gone {
		_, err := proc.Proc.KillTree(h.process.Ref(), patience)
		if err != nil && !errors.Is(err, proc.ErrGone) {
			h.t.Error(err)
		}
		h.exit()
	}
	h.process.Close()
}

// exit waits for the master's end and says how it was.
func (h *herder) exit() string {
	h.t.Helper()
	poll := []unix.PollFd{{Fd: int32(h.process.FD()), Events: unix.POLLIN}}
	for start := time.Now(); time.Since(start) < patience; {
		if n, _ := unix.Poll(poll, 1000); n > 0 {
			status, err := proc.Reap(h.process.Ref().PID)
			check(h.t, err)
			h.gone = true
			return proc.Describe(status)
		}
	}
	h.t.Fatal("the master does not end")
	return ""
}

// until takes reports until done is satisfied by all that was heard.
func (h *herder) until(what string, done func() bool) {
	h.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !done() {
		select {
		case r, open := <-h.link.C():
			if !open {
				h.t.Fatalf("the master is gone before %s: %+v, notes %q, stderr %q", what, h.state, h.notes, h.said())
			}
			h.hear(r)
		case <-timer.C:
			h.t.Fatalf("waited in vain for %s: %+v, notes %q, stderr %q", what, h.state, h.notes, h.said())
		}
	}
}

func (h *herder) hear(r Report) {
	switch r.Kind {
	case ReportState:
		h.state = *r.State
	case ReportFailed:
		h.failed = &r
	case ReportTail:
		h.tail = r.Tail
	case ReportAsked:
		h.asked = append(h.asked, r.Asked)
	case ReportExtend:
		h.extend = append(h.extend, r.Extend)
	case ReportNote, ReportWarn:
		if strings.HasPrefix(r.Reason, "BUG") {
			h.t.Error(r.Reason)
		}
		h.notes = append(h.notes, fmt.Sprintf("worker %d %s", r.Worker, r.Reason))
	}
}

func (h *herder) untilUp(n int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d workers up", n), func() bool { return h.state.Up == n && len(h.state.Workers) == n })
}

// leaves gives the order to leave and returns how the master ended.
func (h *herder) leaves(do string) string {
	h.t.Helper()
	h.link.Send(Order{Do: do})
	return h.exit()
}

func (h *herder) worker(id int) Worker {
	h.t.Helper()
	for _, w := range h.state.Workers {
		if w.ID == id {
			return w
		}
	}
	h.t.Fatalf("there is no worker %d: %+v", id, h.state)
	return Worker{}
}

// signal sends a signal to a worker by its identity.
func (h *herder) signal(w Worker, sig unix.Signal) {
	h.t.Helper()
	p, err := proc.OpenRef(proc.Ref{PID: w.PID, Start: w.Start})
	check(h.t, err)
	defer p.Close()
	check(h.t, p.Signal(sig))
}

func (h *herder) said() string {
	b, _ := os.ReadFile(h.stderr.Name())
	return string(b)
}

func (h *herder) noted(part string) bool {
	for _, n := range h.notes {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

// isGone: no such process, or one that has ended.
func isGone(w Worker) bool {
	st, err := proc.Proc.Stat(w.PID)
	return err != nil || st.Start != w.Start || st.Dead()
}
