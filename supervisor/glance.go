package supervisor

import (
	"slices"
	"time"

	"github.com/herderd/herder/supervisor/proc"
)

// A child that leaves as soon as it begins to serve is there for a few milliseconds
// (php-fpm's on a socket that does not block: 9), so two looks mostly see none of them.
// Between the looks herder glances at who is there, again and again.

// betweenGlances is the pause between two of them.
const betweenGlances = 4 * time.Millisecond

// beforeExec is more than the time on a processor that anybody needs between fork(2) and
// execve(2). On a machine with much to do many are seen there, for they wait for it.
// (A child of php-fpm that leaves has run for 5 ms.)
const beforeExec = 2 * time.Millisecond

// glancer is what is known of the children, by pid: none is given twice within so short
// a time.
type glancer struct {
	known map[int]bool          // true: nothing more is to be learnt of it
	own   map[int][]uint64      // sockets of each worker
	came  map[int][]seenProcess // below each worker, with a socket of ours and nothing else to do
}

// glance glances until it is time for the second look.
func (o *observer) glance(before [][]seenProcess) *glancer {
	g := &glancer{known: map[int]bool{}, own: map[int][]uint64{}, came: map[int][]seenProcess{}}
	for _, family := range before {
		for _, p := range family {
			g.known[p.PID] = true
		}
	}
	for _, root := range o.roots {
		g.own[root.PID], _, _ = proc.Proc.Sockets(root.PID) // none where they cannot be seen
	}
	over, ticker := time.NewTimer(betweenLooks), time.NewTicker(betweenGlances)
	defer over.Stop()
	defer ticker.Stop()
	for {
		select {
		case <-over.C:
			return g
		case <-o.done:
			return g
		case <-ticker.C:
			for _, root := range o.roots {
				o.glanceAt(root.PID, g)
			}
		}
	}
}

func (o *observer) glanceAt(root int, g *glancer) {
	kids, err := proc.Proc.Children(root)
	if root == 0 || err != nil {
		return
	}
	for _, pid := range kids {
		settled, seen := g.known[pid]
		if g.known[pid] = seen; settled || !seen {
			continue
		}
		st, err := proc.Proc.Stat(pid)
		if err == nil && mayExec(st) {
			g.known[pid] = false
			continue
		}
		if err != nil || st.Dead() || g.busy(root, pid) {
			continue
		}
		if p := o.process(st); p.Forked && len(p.Holds) > 0 {
			g.came[root] = append(g.came[root], p)
		}
	}
}

// mayExec says whether a process may be one that is about to execute a command: it does
// not sleep, and has hardly run yet.
func mayExec(st proc.Stat) bool {
	if st.State == 'S' || st.Dead() {
		return false
	}
	ran, err := proc.Proc.Ran(st.PID)
	return err != nil || ran < beforeExec
}

// busy says whether a process has a socket that its parent has not: a connection, which
// some servers fork a process for.
func (g *glancer) busy(root, pid int) bool {
	inodes, _, err := proc.Proc.Sockets(pid)
	return err != nil || slices.ContainsFunc(inodes, func(ino uint64) bool { return !slices.Contains(g.own[root], ino) })
}

// few may be anything: helpers that an app forks now and then.
const few = 5

// passed are those that came after the first look and are gone at the second, if they
// are more than a few.
func (g *glancer) passed(root int, after []seenProcess) (gone []seenProcess) {
	for _, p := range g.came[root] {
		if _, there := find(after, p.ref); !there {
			gone = append(gone, p)
		}
	}
	if len(gone) < few {
		return nil
	}
	return gone
}
