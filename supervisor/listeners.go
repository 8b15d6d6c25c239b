package supervisor

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// queueLook is how often the queue of a sealed listener is looked at. The
// kernel tells nobody when an accept queue runs empty, so for the moments
// between the sealing and the farewell this is polled; never otherwise.
const queueLook = 2 * time.Millisecond

// prune closes the listeners that no plan in use names any more.
func (t *tender) prune() {
	used := func(l *handoff.Listener) bool {
		for _, p := range t.plans() {
			if slices.Contains(p.listeners, l) {
				return true
			}
		}
		return false
	}
	t.listeners = slices.DeleteFunc(t.listeners, func(l *handoff.Listener) bool {
		if used(l) {
			return false
		}
		t.log.Info("closing a listener", "name", l.Name(), "address", l.Address())
		delete(t.broken, l)
		if err := l.Close(); err != nil {
			t.log.Warn("cannot close a listener", "name", l.Name(), "error", err)
		}
		delete(t.mended, l)
		return true
	})
}

// plans are those in use: of what lives, of what is to come.
func (t *tender) plans() []*plan {
	var ps []*plan
	for _, p := range []*plan{t.current, t.next} {
		if p != nil {
			ps = append(ps, p)
		}
	}
	for _, g := range t.tended {
		ps = append(ps, g.plan)
	}
	return ps
}

// Seal closes the door of every listener on which only leaving generations
// accept, and waits beside the loop until nobody waits there any more.
func (t *tender) Seal(gen int) []herd.Event {
	g := t.tended[gen]
	if g == nil {
		return nil
	}
	g.leaving = true
	sealed := t.lonely(g.plan.listeners)
	for _, l := range sealed {
		if err := l.Seal(); err != nil {
			t.log.Warn("cannot seal a listener; who connects now may be cut off", "name", l.Name(), "error", err)
		}
	}
	if len(sealed) == 0 {
		return []herd.Event{herd.Drained{Gen: gen}}
	}
	g.sealed = make(chan struct{})
	go t.awaitEmpty(gen, sealed, g.sealed)
	return nil
}

// lonely are the listeners on which no generation that stays accepts.
func (t *tender) lonely(ls []*handoff.Listener) []*handoff.Listener {
	return slices.DeleteFunc(slices.Clone(ls), func(l *handoff.Listener) bool {
		for _, g := range t.tended {
			if !g.leaving && slices.Contains(g.plan.listeners, l) {
				return true
			}
		}
		return false
	})
}

// awaitEmpty posts Drained once no connection waits in the queues. Its end is
// bounded: the core goes on after QueueTimeout, and [tended.endSeal] ends this.
func (t *tender) awaitEmpty(gen int, ls []*handoff.Listener, over <-chan struct{}) {
	tick := time.NewTicker(queueLook)
	defer tick.Stop()
	for waiting(ls) {
		select {
		case <-tick.C:
		case <-over:
			return
		case <-t.done:
			return
		}
	}
	t.post(func() []herd.Event { return []herd.Event{herd.Drained{Gen: gen}} })
}

// waiting says whether connections wait, or may: a queue that cannot be seen now is
// looked at again.
func waiting(ls []*handoff.Listener) bool {
	for _, l := range ls {
		if queued, _, err := l.Queue(); queued > 0 || scarce(err) {
			return true
		}
	}
	return false
}

// scarce says whether something failed for a want that may be over in a moment, such as
// of descriptors (errno(3)).
func scarce(err error) bool {
	return slices.ContainsFunc([]error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.EAGAIN, unix.EINTR}, func(want error) bool {
		return errors.Is(err, want)
	})
}

func (g *tended) endSeal() {
	if g.sealed != nil {
		close(g.sealed)
		g.sealed = nil
	}
}

// retune gives the listeners of a plan the options it has for them.
func (t *tender) retune(p *plan) {
	for i, l := range p.listeners {
		later, err := l.Retune(p.config.Bind[i])
		if err != nil {
			t.log.Error("cannot change a listener", "name", l.Name(), "error", err)
		}
		if len(later) > 0 {
			t.log.Warn("the listener keeps what it was bound with; a restart of herder changes it", "name", l.Name(), "options", later)
		}
	}
}

// mend puts right what an app did to listeners it shares with others.
func (t *tender) mend(ls []*handoff.Listener) []herd.Event {
	var events []herd.Event
	for _, l := range ls {
		before := l.Inodes()
		put, err := l.Repair()
		for _, what := range put {
			t.log.Warn("mended a listener", "name", l.Name(), "what", what)
			t.mended[l] = mended{t.mended[l].times + 1, what}
		}
		t.complain(l, err)
		if !slices.Equal(before, l.Inodes()) {
			// The generation that serves holds the old socket; only a new one can take this.
			t.log.Warn("the listener is a new socket: starting a new generation", "name", l.Name())
			events = append(events, herd.Upgrade{})
		}
	}
	return events
}

// complain logs that a listener cannot be mended: once, for it is tried again
// whenever somebody asks for the status.
func (t *tender) complain(l *handoff.Listener, err error) {
	if err == nil {
		delete(t.broken, l)
		return
	}
	if t.broken[l] != err.Error() {
		t.broken[l] = err.Error()
		t.log.Error("cannot mend a listener", "name", l.Name(), "error", err)
	}
}

// Mend looks at every listener, since the kernel has no event for O_NONBLOCK
// that somebody cleared or a backlog that somebody changed, and an idle herder
// does not poll.
func (t *tender) Mend() []herd.Event { return t.mend(t.listeners) }

// hold takes listeners into the books and has them watched.
func (t *tender) hold(ls []*handoff.Listener) {
	t.listeners = append(t.listeners, ls...)
	for _, l := range ls {
		if err := t.watch.Add(l); err != nil {
			t.log.Warn("cannot watch a listener: what an app does to it goes unnoticed until somebody asks for the status", "name", l.Name(), "error", err)
		}
	}
}

// hearTrouble passes on what happens to the listeners.
func (t *tender) hearTrouble() {
	for {
		select {
		case trouble := <-t.watch.C():
			t.post(func() []herd.Event { return t.troubled(trouble) })
		case <-t.done:
			return
		}
	}
}

// troubled: an app shut a listener down, or somebody removed its name.
func (t *tender) troubled(trouble handoff.Trouble) []herd.Event {
	if !slices.Contains(t.listeners, trouble.Listener) {
		return nil // closed meanwhile
	}
	return t.mend([]*handoff.Listener{trouble.Listener})
}

// Listeners says how the listeners fare.
func (t *tender) Listeners() []control.Listener {
	var out []control.Listener
	for _, l := range t.listeners {
		queued, backlog, err := l.Queue()
		if err != nil {
			t.log.Debug("cannot see the queue of a listener", "name", l.Name(), "error", err)
		}
		out = append(out, control.Listener{
			Name: l.Name(), Address: l.Address(), Network: l.Network(), Queued: queued, Backlog: backlog,
		})
	}
	return out
}
