package supervisor

import (
	"slices"

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
		old.renewing = true
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
