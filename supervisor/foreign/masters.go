package foreign

import (
	"slices"
	"sync"

	"github.com/herderd/herder/supervisor/proc"
)

// Masters are the masters of all generations that are followed. A successor that its
// predecessor started is below it in the process tree, with all its workers, and is
// yet none of its own: who walks the tree of one master leaves out the others.
type Masters struct {
	mu   sync.Mutex
	refs []proc.Ref
}

// Except are all of them but one.
func (m *Masters) Except(ref proc.Ref) []proc.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.refs), func(r proc.Ref) bool { return r == ref })
}

func (m *Masters) add(ref proc.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refs = append(m.refs, ref)
}

func (m *Masters) remove(ref proc.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refs = slices.DeleteFunc(m.refs, func(r proc.Ref) bool { return r == ref })
}
