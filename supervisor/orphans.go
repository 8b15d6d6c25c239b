package supervisor

import (
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// orphan is a process that a master left behind and that became our child,
// since we are its nearest subreaper (PR_SET_CHILD_SUBREAPER(2const)).
type orphan struct {
	process *proc.Process
	worker  bool        // the master had named it as one of its workers
	told    []herd.Verb // by us
}

// gather finds the children of ours that nobody has claimed, and gives each to
// the generation its environment names. Without a generation whose master died
// there is nothing to look for.
func (t *tender) gather() error {
	if !t.anyHeadless() {
		return nil
	}
	children, err := proc.Proc.Children(os.Getpid())
	if err != nil {
		return err
	}
	for _, pid := range children {
		if t.known(pid) {
			continue
		}
		st, err := proc.Proc.Stat(pid)
		if errors.Is(err, proc.ErrGone) || err == nil && st.State == 'Z' {
			continue // its exit will be seen
		}
		if err != nil {
			return err
		}
		if g := t.claimant(st); g != nil {
			if err := t.claim(g, pid); err != nil {
				return err
			}
		}
	}
	return nil
}

// known says whether a child is a master, or is about to be one, or was claimed.
func (t *tender) known(pid int) bool {
	if pid == t.heir.PID {
		return true
	}
	for _, g := range t.tended {
		if g.master != nil && g.master.Ref().PID == pid || g.orphans[pid] != nil {
			return true
		}
	}
	return false
}

func (t *tender) anyHeadless() bool {
	for _, g := range t.tended {
		if g.headless() {
			return true
		}
	}
	return false
}

// claimant is the headless generation that an unclaimed child belongs to; nil
// when it belongs to none. Generations that a server has started by itself all have
// the mark of the first: their workers are known by their pids.
func (t *tender) claimant(st proc.Stat) *tended {
	for _, g := range t.tended {
		if g.headless() && slices.ContainsFunc(g.state.Workers, func(w master.Worker) bool { return w.PID == st.PID }) {
			return g
		}
	}
	if t.anyAwaited() {
		return nil
	}
	mark, ok := proc.Proc.Environ(st.PID, "HERDER_GENERATION")
	if !ok {
		return t.unmarked(st)
	}
	n, _ := strconv.Atoi(mark)
	if g := t.tended[n]; g != nil && g.headless() {
		return g
	}
	return nil
}

// unmarked: a process that wiped its environment belongs to the one generation that
// can have left it, if there is just one. PID 1 inherits what strangers leave, too
// (docker exec): there it must have a title in the place of its environment, or be of
// a session that the generation leads.
func (t *tender) unmarked(st proc.Stat) *tended {
	var only *tended
	for _, g := range t.tended {
		if g.headless() {
			if only != nil {
				return nil
			}
			only = g
		}
	}
	if only == nil || t.init && !only.leads(st.Session) && !proc.Proc.Wiped(st.PID) {
		return nil
	}
	return only
}

// leads says whether a session is that of a worker, or of a foreign master. One of
// another PID namespace, as that of docker exec, is 0 here.
func (g *tended) leads(session int) bool {
	return session != 0 && session == g.led || slices.ContainsFunc(g.state.Workers, func(w master.Worker) bool { return w.PID == session })
}

// claim takes a process into the books. What its generation was told, it is told too.
func (t *tender) claim(g *tended, pid int) error {
	p, err := proc.Open(pid)
	if errors.Is(err, proc.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	o := &orphan{process: p}
	for _, w := range g.state.Workers {
		o.worker = o.worker || w.PID == pid
	}
	g.orphans[pid] = o
	if g.told == herd.Kill {
		t.killTree(g.n, p.Ref())
		return nil
	}
	if g.sent {
		t.tellOrphan(g, o, g.told)
	}
	return nil
}
