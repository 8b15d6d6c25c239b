package supervisor

import (
	"errors"
	"os"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// spawnForeign starts the app server's own master, or has the one that serves start
// its successor.
func (t *tender) spawnForeign(g *tended) error {
	spec := t.foreignSpec(g)
	if old := t.renewable(g); old != nil {
		t.log.Info("asking the master for its successor", "generation", old.n, "signal", spec.Row.Says[dialect.Renew])
		f, err := foreign.Renew(old.master, spec)
		if err == nil {
			g.link, g.awaited = f, true
		}
		return err
	}
	f, p, err := foreign.Start(t.spawner, spec)
	if err == nil {
		g.link, g.master = f, p
	}
	return err
}

func (t *tender) foreignSpec(g *tended) foreign.Spec {
	c := g.plan.config
	row := c.Row()
	spec := foreign.Spec{
		Name: c.Name, Generation: g.n, Row: row, Path: g.plan.path, Argv: c.Command, Env: environ(g), Dir: c.Directory,
		Listeners: g.plan.passed(), Masters: t.masters, Binds: c.Kind == dialect.Reexec,
		Daemon: daemonises(c),
		Expect: c.Expect, Before: t.crowd(), Ready: c.Ready,
		User: c.User, Umask: c.Umask, Nice: c.Nice, Rlimits: c.Rlimits,
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

// crowd is how many workers the generation has that serves.
func (t *tender) crowd() int {
	n := 0
	for _, g := range t.tended {
		if !g.leaving && g.master != nil {
			n = max(n, len(g.state.Workers))
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
	g.master, g.awaited = p, false
	t.log.Info("found the master", "generation", g.n, "pid", ref.PID)
	if g.told == herd.Kill {
		t.kill(g)
	}
}

// daemonises says whether the process that is spawned does not stay. A server that is
// given its listeners does, or is refused by the configuration.
func daemonises(c *config.Config) bool {
	return c.Kind == dialect.Reexec && c.Row().Daemonises(c.Command) != ""
}

// becameDaemon says whether a master that has ended has left another process in its
// place, as servers do that leave the foreground; that one is looked for.
func (g *tended) becameDaemon(e proc.Exit) bool {
	if !daemonises(g.plan.config) || g.state.Whole || e.Status.ExitStatus() != 0 {
		return false
	}
	g.master.Close()
	g.master, g.awaited = nil, true
	return true
}

// headless says that a generation has no master, and gets none.
func (g *tended) headless() bool { return g.master == nil && !g.awaited }

// anyAwaited: a master is looked for, and may be among the children that nobody has
// claimed yet.
func (t *tender) anyAwaited() bool {
	for _, g := range t.tended {
		if g.awaited {
			return true
		}
	}
	return false
}

// endAwaited: a link has ended. A master that was looked for is not there; one that is
// none of our children has ended, for it is another's to reap.
func (t *tender) endAwaited(g *tended) {
	if g.awaited {
		g.awaited, g.how = false, "it was not found"
		g.orphans = map[int]*orphan{}
		return
	}
	if g.master == nil {
		return
	}
	st, err := proc.Proc.Stat(g.master.Ref().PID)
	gone := errors.Is(err, proc.ErrGone) || err == nil && (st.Ref() != g.master.Ref() || st.Dead() && st.PPID != os.Getpid())
	if gone {
		t.masterGone(g, "its parent has its exit status")
	}
}
