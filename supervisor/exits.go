package supervisor

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// sinceBoot is the age of the machine as /proc counts start times.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// reap looks at every child that has died: looks first, while it is still a
// zombie and its pid cannot be anybody else's, then buries it.
func (t *tender) reap() []herd.Event {
	var events []herd.Event
	for {
		exit, ok, err := proc.Peek()
		if err != nil {
			t.log.Error("cannot wait for children", "error", err)
		}
		if !ok {
			break
		}
		events = append(events, t.exited(exit)...)
		if _, err := proc.Reap(exit.PID); err != nil {
			t.log.Error("cannot reap a child", "pid", exit.PID, "error", err)
			break
		}
	}
	return append(events, t.count()...)
}

// exited is told of each child that died, while it is still a zombie.
func (t *tender) exited(e proc.Exit) []herd.Event {
	for _, g := range t.tended {
		if g.master != nil && g.master.Ref().PID == e.PID {
			if g.becameDaemon(e) {
				return nil
			}
			t.tellEnded(g, e)
			g.asked = t.wasAsked(g, proc.Describe(e.Status))
			return t.masterGone(g, t.describe(g, e))
		}
		if o, ok := g.orphans[e.PID]; ok {
			o.process.Close()
			delete(g.orphans, e.PID)
			return nil
		}
	}
	return nil // an orphan of nobody's, as PID 1 gets them: buried, ignored
}

// masterGone: by now the kernel has made its children ours.
func (t *tender) masterGone(g *tended, how string) []herd.Event {
	t.log.Info("master gone", "generation", g.n, "pid", g.master.Ref().PID, "how", how)
	g.led = g.master.Ref().PID
	g.master.Close()
	g.master, g.how = nil, how
	g.orphans = map[int]*orphan{}
	if heir, ok := t.heirOf(g); ok {
		t.heir, t.appeared = heir, unasked{ref: heir}
		return append([]herd.Event{herd.Appeared{}}, t.mourn(g)...)
	}
	return t.mourn(g)
}

// fellSilent: every word of the master has been heard.
func (t *tender) fellSilent(g *tended) []herd.Event {
	if t.tended[g.n] != g {
		return nil // released
	}
	g.silent = true
	return append(t.endAwaited(g), t.count()...)
}

// mourn tells the core that a master is gone, after its last word: why it
// gave up is worth more than that it did.
func (t *tender) mourn(g *tended) []herd.Event {
	if !g.headless() || !g.silent || g.mourned {
		return nil
	}
	g.mourned = true
	events := t.endLoan(g)
	if g.asked && t.hasFinished(g) {
		t.log.Info("somebody else had told it to end", "generation", g.n)
		events = append(events, herd.Retire{Gen: g.n})
	}
	return append(events, herd.Died{Gen: g.n, How: g.how})
}

// lookAgain is the pause after which is looked again for what a master left, when
// that could not be seen: we are out of descriptors, say.
const lookAgain = 100 * time.Millisecond

// count says which generations have nothing left. While that cannot be seen none is
// taken for gone: its workers would serve on, and nobody would ever end them.
func (t *tender) count() []herd.Event {
	if err := t.gather(); err != nil {
		t.lookLater(err)
		return nil
	}
	t.blind = nil
	var events []herd.Event
	for _, g := range t.tended {
		if g.mourned && len(g.orphans) == 0 {
			events = append(events, herd.Emptied{Gen: g.n})
		}
	}
	return events
}

func (t *tender) lookLater(why error) {
	if t.blind == nil {
		t.log.Error("cannot see what a master left; it is looked for again", "error", why)
		t.blind = time.AfterFunc(lookAgain, func() { t.post(t.count) })
		return
	}
	t.blind.Reset(lookAgain)
}
