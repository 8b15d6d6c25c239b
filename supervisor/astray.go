package supervisor

import (
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// A server that overlooks what it was given (a wrapper forks, so that LISTEN_PID is not
// its pid; or it takes nothing but --fd) binds its own default address, and could wait
// there for ever. Nothing tells it from one that loads its app and has a port for its
// metrics already: so it gets its time, and where it listens is the reason if that was
// not enough.

// bootLooks is how many looks are taken in the time in which a generation must be ready.
const bootLooks = 8

// watchBoot has a generation looked at a while from now, if it is not ready then.
func (t *tender) watchBoot(g *tended) {
	if len(g.plan.listeners) == 0 {
		return
	}
	g.bootLook = time.AfterFunc(g.plan.config.ReadyTimeout/bootLooks, func() {
		t.post(func() []herd.Event { return t.lookAtBoot(g) })
	})
}

// endBootLook: it holds on to all that is known of a generation.
func (g *tended) endBootLook() {
	if g.bootLook != nil {
		g.bootLook.Stop()
	}
}

// lookAtBoot looks beside the loop: the kernel takes milliseconds to list its sockets.
func (t *tender) lookAtBoot(g *tended) []herd.Event {
	if t.tended[g.n] != g || g.master == nil || g.leaving || g.state.Up > 0 {
		return nil
	}
	root, ours := g.master.Ref(), g.plan.passed()
	go func() {
		where := elsewhere(root, ours)
		t.post(func() []herd.Event { return t.sawBoot(g, where) })
	}()
	return nil
}

func (t *tender) sawBoot(g *tended, where string) []herd.Event {
	if where == "" {
		t.watchBoot(g)
		return nil
	}
	doubt := "it listens on " + where + ", which herder did not open"
	t.log.Info("not ready yet: "+doubt, "generation", g.n)
	return []herd.Event{herd.Doubt{Gen: g.n, Why: doubt}}
}

// elsewhere is where a process, or one below it, listens on a socket that is none of
// these; "" when it does not, or cannot be seen.
func elsewhere(root proc.Ref, ours []handoff.Passed) string {
	pids, inodes := []int{root.PID}, []uint64{}
	below, err := proc.Proc.Descendants(root.PID)
	if err != nil {
		return ""
	}
	for _, ref := range below {
		pids = append(pids, ref.PID)
	}
	for _, l := range ours {
		inodes = append(inodes, l.Inodes...)
	}
	return ready.Elsewhere(pids, inodes)
}
