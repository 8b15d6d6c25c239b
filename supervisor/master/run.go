package master

import (
	"fmt"
	"os"

	"time"

	"github.com/herderd/herder/supervisor/pool"
)

// exitSpec is the exit code for a master that cannot even begin (sysexits.h,
// EX_UNAVAILABLE).
const exitSpec = 69

// Run is the whole life of a master; its result is the exit code. It is called
// in a process that was spawned as [Prepare] says.
func Run() int {
	signals := catch() // first of all: a signal that comes now must not be fatal
	spec, err := readSpec(specFD)
	if err != nil {
		fmt.Fprintln(os.Stderr, "herder master:", err)
		return exitSpec
	}
	s, err := newShell(spec, signals)
	if err != nil {
		fmt.Fprintf(os.Stderr, "herder master %s %d: %v\n", spec.Name, spec.Generation, err)
		return exitSpec
	}
	return newLoop(policy(spec), s).run()
}

func policy(s Spec) pool.Policy {
	return pool.Policy{
		Workers: s.Workers, ReadyTimeout: s.ReadyTimeout, StopTimeout: s.StopTimeout,
		KillTimeout: s.KillTimeout, Watchdog: s.Watchdog, Seed: s.Seed,
	}
}

// loop is the owner of all state.
type loop struct {
	pool   *pool.Pool
	kernel Kernel
	alarm  *alarm
	starts []int // slots to be started
	left   bool
	code   int
}

func newLoop(p pool.Policy, k Kernel) *loop {
	return &loop{pool: pool.New(p), kernel: k, alarm: newAlarm()}
}

func (l *loop) run() int {
	defer l.alarm.stop()
	l.step(pool.Begin{})
	for !l.left {
		if len(l.starts) > 0 {
			l.start()
			continue
		}
		l.alarm.arm(l.pool.Deadline())
		select {
		case n := <-l.kernel.Notices():
			l.notice(n)
		case <-l.alarm.C():
			if l.alarm.rings(time.Now()) {
				l.step(pool.Due{})
			}
		}
	}
	return l.code
}

// start starts the next worker, and lets one notice pass first: an order that comes
// while a thousand workers are being started is heard between two of them. From the
// start to its answer nothing passes: a quick worker's READY=1 would come too early.
func (l *loop) start() {
	select {
	case n := <-l.kernel.Notices():
		l.notice(n)
	default:
	}
	slot := l.starts[0]
	l.starts = l.starts[1:]
	for _, e := range l.kernel.Start(slot) {
		l.step(e)
	}
}

func (l *loop) notice(n Notice) {
	l.alarm.heard(time.Now())
	for _, e := range n() {
		l.step(e)
	}
}

func (l *loop) step(e pool.Event) {
	if l.left {
		return
	}
	for _, effect := range l.pool.Step(time.Now(), e) {
		l.perform(effect)
	}
}

func (l *loop) perform(effect pool.Effect) {
	switch effect := effect.(type) {
	case pool.Start:
		l.starts = append(l.starts, effect.Slot)
	case pool.Tell:
		l.kernel.Tell(effect)
	case pool.Failed:
		l.kernel.Say(Report{Kind: ReportFailed, Reason: effect.Reason, Worker: effect.Slot, Tail: l.kernel.Tail(effect.Slot)})
	case pool.Report:
		l.kernel.State(l.pool.Snapshot())
	case pool.Note:
		l.kernel.Say(Report{Kind: ReportNote, Worker: effect.Slot, Reason: effect.Text})
	case pool.ReopenLogs:
		l.kernel.Reopen()
	case pool.Bug:
		l.kernel.Say(Report{Kind: ReportWarn, Reason: "BUG: " + effect.What})
	case pool.Leave:
		l.left, l.code = true, effect.Code
		l.kernel.Leave()
	}
}
