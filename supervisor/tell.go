package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// Tell says a verb to a generation: as an order to its master, or, where the
// master is gone, as signals to what it left.
func (t *tender) Tell(v herd.Tell) []herd.Event {
	g := t.tended[v.Gen]
	if g == nil {
		return nil
	}
	var events []herd.Event
	if v.Verb == herd.Quit || v.Verb == herd.Halt || v.Verb == herd.Kill {
		g.leaving, g.sent, g.told = true, true, max(g.told, v.Verb)
		g.endSeal()
		events = t.endLoan(g)
	}
	t.tell(g, v)
	return events
}

func (t *tender) tell(g *tended, v herd.Tell) {
	if v.Verb == herd.Kill {
		t.kill(g)
		return
	}
	if v.Verb == herd.Restore {
		v.N = g.crew
	}
	if g.headless() {
		t.tellOrphans(g, v.Verb)
		return
	}
	t.log.Info("telling the master", "verb", v.Words(), "generation", v.Gen)
	o := order(v)
	if v.Verb == herd.Quit {
		o.Signal = t.custom.goodbye(v.Gen)
	}
	g.link.Send(o)
}

func order(v herd.Tell) master.Order {
	switch v.Verb {
	case herd.Quit:
		return master.Order{Do: master.DoQuit}
	case herd.Halt:
		return master.Order{Do: master.DoStop}
	case herd.ReopenLogs:
		return master.Order{Do: master.DoReopen}
	case herd.Restore:
		return master.Order{Do: master.DoRestore, N: v.N}
	case herd.Nudge:
		return master.Order{Do: master.DoNudge, N: v.N}
	case herd.Count:
		return master.Order{Do: master.DoCount, N: v.N}
	}
	return master.Order{Do: master.DoScale, N: v.N}
}

// killWithin bounds one killing of a tree: what is left then cannot be ended
// by anybody, and the core gives it up by its own deadline.
const killWithin = 2 * time.Second

// kill ends every process of a generation. What its master's death makes ours
// is killed when it is found (see [tender.claim]).
func (t *tender) kill(g *tended) {
	if g.master != nil {
		t.killTree(g.n, g.master.Ref())
	}
	t.killOrphans(g)
}

func (t *tender) killOrphans(g *tended) {
	for _, o := range g.orphans {
		t.killTree(g.n, o.process.Ref())
	}
}

// killTree works beside the loop, which must go on reaping.
func (t *tender) killTree(gen int, root proc.Ref) {
	go func() {
		left, err := proc.Proc.KillTree(root, killWithin, t.masters.Except(root)...)
		if err != nil && !errors.Is(err, proc.ErrGone) {
			t.log.Error("cannot kill the generation", "generation", gen, "left", len(left), "error", err)
		}
	}()
}

// tellOrphans says a verb to workers without a master.
func (t *tender) tellOrphans(g *tended, v herd.Verb) {
	for _, o := range g.orphans {
		t.tellOrphan(g, o, v)
	}
}

// tellOrphan spells a verb as the signal that the master would have sent. A stray of
// a worker gets the ordinary TERM; but what a server's own master has left may be the
// next one, which somebody had it start. Nobody is told the same twice.
func (t *tender) tellOrphan(g *tended, o *orphan, v herd.Verb) {
	says := g.plan.config.Row().Says
	spelling := map[herd.Verb]string{herd.Quit: says[dialect.Graceful], herd.Halt: says[dialect.Quick]}[v]
	if spelling == "" || slices.Contains(o.told, v) {
		return
	}
	o.told = append(o.told, v)
	sig, err := dialect.Signal(spelling)
	if err != nil {
		t.log.Error("cannot tell the workers", "generation", g.n, "error", err)
		return
	}
	pid := o.process.Ref().PID
	if !o.worker && !g.mayServe(pid) {
		sig = unix.SIGTERM
	}
	t.log.Info("telling what the master left", "verb", v.String(), "generation", g.n, "pid", pid)
	if err := o.process.Signal(sig); err != nil && !errors.Is(err, proc.ErrGone) {
		t.log.Error("cannot signal a worker", "generation", g.n, "pid", pid, "error", err)
	}
}

// mayServe says whether a process that a server's own master has left holds one of the
// listeners.
func (g *tended) mayServe(pid int) bool {
	if g.plan.config.Kind == dialect.Pool {
		return false
	}
	for _, l := range g.plan.passed() {
		if holds, err := handoff.Holds(pid, l.Inodes); holds && err == nil {
			return true
		}
	}
	return false
}

// Relay sends a signal as it is.
func (t *tender) Relay(gen int, to, signal string) error {
	sig, err := dialect.Signal(signal)
	if err != nil {
		return err
	}
	g := t.tended[gen]
	if g == nil || g.master == nil {
		return fmt.Errorf("cannot send %s: the master of generation %d is gone", signal, gen)
	}
	if to == "workers" {
		g.link.Send(master.Order{Do: master.DoSignal, Signal: signal})
		return nil
	}
	return g.master.Signal(sig)
}
