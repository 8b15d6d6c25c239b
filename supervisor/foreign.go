package supervisor

import (
	"slices"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// spawnForeign starts the app server's own master, or has the one that serves start
// its successor.
func (t *tender) spawnForeign(g *tended) error {
	spec := t.foreignSpec(g)
	t.countCrew(g.follows)
	if old := t.renewable(g); old != nil {
		t.log.Info("asking the master for its successor", "generation", old.n, "signal", spec.Row.Says[dialect.Renew])
		spec.After, _ = old.link.(*foreign.Follower)
		f, err := foreign.Renew(old.master, spec)
		if err == nil {
			g.link, g.awaited = f, true
		}
		return err
	}
	if t.custom.Environ == nil {
		spec.Notify = g.notify // who is followed only, or told nothing, needs no file
	}
	t.lendPidFile(g)
	t.makeRoom(spec)
	f, p, err := foreign.Start(t.spawner, spec)
	if err == nil {
		g.link, g.master = f, p
	}
	return err
}

// makeRoom: workers that a dead master left serve on, but a server that binds by itself
// cannot do so while they hold the address. (gunicorn's do for up to 15 s.)
func (t *tender) makeRoom(spec foreign.Spec) {
	if !spec.Binds {
		return
	}
	for _, g := range t.tended {
		if g.headless() && !g.sent {
			g.sent, g.told = true, herd.Quit
			t.tellOrphans(g, herd.Quit)
		}
	}
}

func (t *tender) foreignSpec(g *tended) foreign.Spec {
	c := g.plan.config
	row := c.Row()
	spec := foreign.Spec{
		Name: c.Name, Generation: g.n, Row: row, Path: g.plan.path, Argv: c.Command, Env: t.environ(g), Dir: c.Directory,
		Told: t.custom.Environ != nil, Numbers: t.custom.Numbers,
		Listeners: g.plan.passed(), Masters: t.masters, Binds: c.Kind == dialect.Reexec,
		Daemon: c.Kind == dialect.Reexec, Listens: t.custom.Listens,
		Expect: c.Expect, Before: t.crowd(g.follows), Ready: c.Ready,
		User: c.User, Umask: c.Umask, Nice: c.Nice, Rlimits: c.Rlimits, Ignore: t.custom.Ignore,
		LogPrefix: c.LogPrefix, LogFile: c.LogFile,
	}
	if c.Kind == dialect.Reexec {
		spec.Pidfile = c.Pidfile
	}
	return spec
}

// renewable is the generation whose master can start the next one; nil when there is
// none, and the next one must be spawned.
func (t *tender) renewable(g *tended) *tended {
	var newest *tended
	for _, old := range t.tended {
		if old.master != nil && old.state.Whole && !old.leaving && old.plan.config.Kind == dialect.Reexec && (newest == nil || old.n > newest.n) {
			newest = old
		}
	}
	if g.plan.config.Kind != dialect.Reexec {
		return nil
	}
	return newest
}

// serverFiles are the pid files that a server writes by itself, in either naming.
func serverFiles(path string) []string { return []string{path, path + oldbin, path + ".2"} }

// lookForUnasked: a server has changed its pid files. If one of them names a process
// that a master of ours has started and that runs a program of its own, then somebody
// told it to start its successor. What the file says is believed as far as the process
// tree bears it out. One that comes while an upgrade is under way is not followed then:
// it is looked for again when that is over.
func (t *tender) lookForUnasked() []herd.Event {
	if t.current.config.Kind != dialect.Reexec || t.anyAwaited() {
		return nil
	}
	for _, path := range serverFiles(t.current.config.Pidfile) {
		pid, err := pidfile.Read(path)
		if err != nil {
			continue
		}
		if ref, ok := t.successorOf(pid); ok {
			t.appeared = ref
			return []herd.Event{herd.Appeared{}}
		}
	}
	return nil
}

// successorOf says whether a process is a successor of one of our masters.
func (t *tender) successorOf(pid int) (proc.Ref, bool) {
	st, err := proc.Proc.Stat(pid)
	if err != nil {
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
	ref := t.appeared
	t.appeared, t.heir = proc.Ref{}, proc.Ref{}
	g := &tended{n: gen, plan: t.current, follows: ref}
	spec := t.foreignSpec(g)
	spec.After = t.newest()
	p, err := proc.OpenRef(ref)
	if err == nil {
		g.link, err = foreign.Follow(ref, spec)
	}
	if err != nil {
		return []herd.Event{herd.StartFailed{Gen: gen, Why: err.Error()}}
	}
	g.master = p
	t.countCrew(ref)
	t.tended[gen] = g
	go t.listen(g)
	return nil
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

// noteMarks: once it has ended it cannot be seen any more.
func (g *tended) noteMarks() {
	if g.master == nil || g.plan.config.Kind != dialect.Reexec {
		return
	}
	pid := g.master.Ref().PID
	if st, err := proc.Proc.Stat(pid); err == nil && st.Stack != 0 {
		g.marks.stack = st.Stack
	}
	if inodes, _, err := proc.Proc.Sockets(pid); err == nil && len(inodes) > 0 {
		g.marks.sockets = inodes
	}
}

// countCrew remembers how many workers those have that may have to take over again.
func (t *tender) countCrew(successor proc.Ref) {
	for _, g := range t.tended {
		if !g.leaving {
			g.crew = g.hands(successor)
		}
	}
}

// crowd is how many workers the generation has that serves.
func (t *tender) crowd(successor proc.Ref) int {
	n := 0
	for _, g := range t.tended {
		if !g.leaving && g.master != nil {
			n = max(n, g.hands(successor))
		}
	}
	return n
}

// hands is the number of its workers. One that nobody here asked for may be in its
// books, as all that is below it, until it is followed.
func (g *tended) hands(successor proc.Ref) int {
	n := len(g.state.Workers)
	if successor == (proc.Ref{}) {
		return n
	}
	others, _ := proc.Proc.Descendants(successor.PID) // none, where it is gone
	for _, w := range g.state.Workers {
		if slices.Contains(others, proc.Ref{PID: w.PID, Start: w.Start}) {
			n--
		}
	}
	return n
}

// found: the master that a server made by itself has been found.
func (t *tender) found(g *tended, ref proc.Ref) {
	p, err := proc.OpenRef(ref)
	if err != nil {
		return // gone already: the link says so next
	}
	if g.master != nil {
		g.master.Close()
	}
	g.master, g.awaited, g.found = p, false, true
	t.log.Info("found the master", "generation", g.n, "pid", ref.PID)
	if g.told == herd.Kill {
		t.kill(g)
	}
}
