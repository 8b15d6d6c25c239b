package supervisor

import (
	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// serverFiles are the pid files that a server writes by itself, in either naming; none
// where it is not known that it writes any.
func serverFiles(path string) []string {
	if path == "" {
		return nil
	}
	return []string{path, path + oldbin, path + ".2"}
}

// unasked is a successor that nobody here asked for, as the core was told of it.
type unasked struct {
	ref   proc.Ref // which process it is; zero: it is still to be found
	after *tended  // below the master of this one
}

// lookForUnasked: a server has changed its pid files. What they say is believed as far
// as the process tree bears it out. If one names a process that a master of ours has
// started and that runs a program of its own, then somebody told it to start its
// successor; and if .oldbin has become the name of a master's own, then it starts one
// just now, which may fail before any file names it. One that comes while an upgrade is
// under way is not followed then: it is looked for again when that is over.
func (t *tender) lookForUnasked() []herd.Event {
	if t.current.config.Kind != dialect.Reexec || t.anyAwaited() {
		return nil
	}
	t.forgetRoom()
	u, ok := t.successorNamed()
	if !ok {
		u, ok = t.madeRoom()
	}
	if !ok {
		return nil
	}
	t.appeared = u
	return []herd.Event{herd.Appeared{}}
}

func (t *tender) successorNamed() (unasked, bool) {
	for _, path := range serverFiles(t.current.config.Pidfile) {
		pid, err := pidfile.Read(path)
		if err != nil {
			continue
		}
		if ref, ok := t.successorOf(pid); ok {
			return unasked{ref: ref}, true
		}
	}
	return unasked{}, false
}

// madeRoom finds the master whose pid file has the name of those that leave, so that its
// successor can write its own (unicorn, nginx, an old gunicorn).
func (t *tender) madeRoom() (unasked, bool) {
	for _, g := range t.tended {
		if !g.renewing && g.makesRoom() {
			return unasked{after: g}, true
		}
	}
	return unasked{}, false
}

func (g *tended) makesRoom() bool {
	path := g.plan.config.Pidfile
	if g.master == nil || g.leaving || g.plan.config.Kind != dialect.Reexec || path == "" {
		return false
	}
	now, _ := pidfile.Read(path) // 0: there is none, or it cannot be read
	left, _ := pidfile.Read(path + oldbin)
	pid := g.master.Ref().PID
	return left == pid && now != pid
}

// forgetRoom: that a successor is known, or was and has failed, explains what its
// predecessor did with the pid files, until they are as before. (While a master is looked
// for, the one that was asked for it may not have begun.)
func (t *tender) forgetRoom() {
	if t.anyAwaited() {
		return
	}
	for _, g := range t.tended {
		g.renewing = g.renewing && g.makesRoom()
	}
}

// upgradeIsOver: what came meanwhile is looked for.
func (t *tender) upgradeIsOver() {
	t.forgetRoom()
	if t.current.config.Kind == dialect.Reexec {
		go t.post(t.lookForUnasked)
	}
}

// successorOf says whether a process is a successor of one of our masters. Who has ended
// may be one that was followed: its master has not buried it yet.
func (t *tender) successorOf(pid int) (proc.Ref, bool) {
	st, err := proc.Proc.Stat(pid)
	if err != nil || st.Dead() {
		return proc.Ref{}, false
	}
	for _, g := range t.tended {
		if g.master == nil || g.leaving || g.master.Ref().PID == pid {
			continue
		}
		if old, err := proc.Proc.Stat(g.master.Ref().PID); err == nil && st.PPID == old.PID && st.Stack != old.Stack {
			return st.Ref(), !t.known(pid)
		}
	}
	return proc.Ref{}, false
}

// Follow makes the successor that has appeared generation gen.
func (t *tender) Follow(gen int) []herd.Event {
	u := t.appeared
	t.appeared, t.heir = unasked{}, proc.Ref{}
	g := &tended{n: gen, plan: t.current, follows: u.ref}
	if err := t.followUnasked(g, u); err != nil {
		return []herd.Event{herd.StartFailed{Gen: gen, Why: err.Error()}}
	}
	t.tended[gen] = g
	go t.listen(g)
	return nil
}

func (t *tender) followUnasked(g *tended, u unasked) (err error) {
	spec := t.foreignSpec(g)
	spec.After = t.newest()
	t.countCrew(u.ref)
	for _, old := range t.tended {
		old.renewing = true // one of them is; of the others it is forgotten at the next look
	}
	if u.after != nil {
		g.awaited = true
		g.link, err = foreign.Await(u.after.master.Ref(), spec)
		return err
	}
	if g.master, err = proc.OpenRef(u.ref); err != nil {
		return err
	}
	if g.link, err = foreign.Follow(u.ref, spec); err != nil {
		g.master.Close()
	}
	return err
}

// newest is who follows the newest of the masters, one that has just ended too: its
// successor writes where it did.
func (t *tender) newest() *foreign.Follower {
	newest := 0
	var link *foreign.Follower
	for n, g := range t.tended {
		if f, is := g.link.(*foreign.Follower); is && n > newest {
			newest, link = n, f
		}
	}
	return link
}
