package foreign

import (
	"slices"
	"sync"

	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// Masters are the masters of all generations that are followed. A successor that its
// predecessor started is below it in the process tree, with all its workers, and is
// yet none of its own: who walks the tree of one master leaves out the others.
//
// Nobody knows at once that a master is one: until then its workers may have got into
// the books of the one above. So with each new master the others look again.
type Masters struct {
	mu  sync.Mutex
	all []followed
}

type followed struct {
	ref    proc.Ref
	orders orders // of who follows it
}

// Except are all of them but one.
func (m *Masters) Except(ref proc.Ref) []proc.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	var others []proc.Ref
	for _, f := range m.all {
		if f.ref != ref {
			others = append(others, f.ref)
		}
	}
	return others
}

// has says whether one of them has this pid.
func (m *Masters) has(pid int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.all, func(f followed) bool { return f.ref.PID == pid })
}

func (m *Masters) add(ref proc.Ref, o orders) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.all {
		other.orders.put(master.Order{Do: master.DoCheck})
	}
	m.all = append(m.all, followed{ref, o})
}

func (m *Masters) remove(ref proc.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = slices.DeleteFunc(m.all, func(f followed) bool { return f.ref == ref })
}
