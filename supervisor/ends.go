package supervisor

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// becameDaemon says whether a master that has ended may have left another process in
// its place, as servers do that leave the foreground; that one is looked for. What makes
// them do so may stand in their own configuration. A server that is given its listeners
// stays, or is refused by ours.
func (g *tended) becameDaemon(e proc.Exit) bool {
	f, ok := g.link.(*foreign.Follower)
	if !ok || g.plan.config.Kind != dialect.Reexec || g.state.Whole || g.found {
		return false
	}
	daemon := e.Status.Exited() && e.Status.ExitStatus() == 0
	f.Left(daemon)
	if daemon {
		g.master.Close()
		g.master, g.awaited, g.how = nil, true, proc.Describe(e.Status)
	}
	return daemon
}

// leftForeground is what it most likely means that a foreign fresh master ends well before it
// has served: it has left the foreground. Its own configuration says so, for a word of
// its command line is refused by ours.
const leftForeground = ", as a server does that becomes a daemon: such a one cannot be followed with kind fresh, have it stay in the foreground"

// describe says how a master has ended, and what that means where it is plain. Some that
// are never daemons end so when they cannot load the app (hypercorn).
func (t *tender) describe(g *tended, e proc.Exit) string {
	how, row := proc.Describe(e.Status), g.plan.config.Row()
	well := e.Status.Exited() && e.Status.ExitStatus() == 0
	_, is := g.link.(*foreign.Follower)
	switch {
	case !well || !is || g.plan.config.Kind != dialect.Fresh || t.custom.Environ != nil:
	case g.state.Whole, g.leaving, g.sent, row.Name != "command" && len(row.Daemon) == 0:
	default:
		return how + leftForeground
	}
	return how
}

// wasAsked says whether a foreign master that has ended was told to by somebody else:
// it ended as it does when all is well, and was told nothing by us. (Server::Starter
// does not ask why a worker is gone.)
func (t *tender) wasAsked(g *tended, how string) bool {
	_, is := g.link.(*foreign.Follower)
	return is && t.custom.Environ == nil && g.state.Whole && !g.leaving && !g.sent && slices.Contains(g.plan.config.Row().Clean, how)
}

// heirOf is the successor of a server's own master that somebody had start one, and that
// has ended before a pid file named it: a child of ours that has executed a program
// since, which a worker has not, and listens on a socket of the master's. What the app
// has started for itself may listen too, on one of its own. Of a master that never served
// the core would follow nobody: what that leaves is claimed as any orphan, and told to end.
func (t *tender) heirOf(g *tended) (proc.Ref, bool) {
	if g.leaving || !g.state.Whole || g.marks.stack == 0 || g.plan.config.Kind != dialect.Reexec || t.anyBeside(g) {
		return proc.Ref{}, false
	}
	children, _ := proc.Proc.Children(os.Getpid())
	listeners, err := ready.ListListeners()
	if err != nil {
		return proc.Ref{}, false
	}
	for _, pid := range children {
		st, err := proc.Proc.Stat(pid)
		if err != nil || st.Dead() || t.known(pid) {
			continue
		}
		if st.Stack == g.marks.stack || st.Stack == 0 { // a worker, or one that is about to end and has no stack any more
			continue
		}
		held, err := listeners.HeldBy([]int{pid})
		if err == nil && slices.ContainsFunc(held, func(ino uint64) bool { return slices.Contains(g.marks.sockets, ino) }) {
			return st.Ref(), true
		}
	}
	return proc.Ref{}, false
}

// anyBeside says whether a generation other than this one stays, or is to come.
func (t *tender) anyBeside(g *tended) bool {
	for _, other := range t.tended {
		if other != g && !other.leaving {
			return true
		}
	}
	return false
}

// hasFinished says whether a master that was asked to end has finished: there is nobody
// left. Then it was asked to stop, which a native master would have told us. Otherwise
// it has left its place to another that somebody had it start: to a process of its tree,
// or to one that its pid file names by now.
func (t *tender) hasFinished(g *tended) bool {
	if err := t.gather(); err != nil || len(g.orphans) > 0 {
		return false
	}
	path := g.plan.config.Pidfile
	return path == "" || !t.leftPlace(path)
}

// leftPlace says whether one of a server's pid files names a child of ours that nobody
// has claimed: what the master that has ended had started.
func (t *tender) leftPlace(path string) bool {
	return slices.ContainsFunc(serverFiles(path), func(path string) bool {
		pid, err := pidfile.Read(path)
		if err != nil || t.known(pid) {
			return false
		}
		st, err := proc.Proc.Stat(pid)
		return err == nil && !st.Dead() && st.PPID == os.Getpid()
	})
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
func (t *tender) endAwaited(g *tended) []herd.Event {
	if g.awaited {
		g.awaited, g.how = false, cmp.Or(g.how, "it was not found")
		g.orphans = map[int]*orphan{}
		t.sweepUnseen(g)
		return t.mourn(g)
	}
	if g.master == nil {
		return t.mourn(g)
	}
	st, err := proc.Proc.Stat(g.master.Ref().PID)
	gone := errors.Is(err, proc.ErrGone) || err == nil && (st.Ref() != g.master.Ref() || st.Dead() && st.PPID != os.Getpid())
	if gone {
		return t.masterGone(g, "how is known to its parent alone, the old master")
	}
	return nil // the reaper says so next
}
