package foreign

import (
	"slices"

	"github.com/herderd/herder/supervisor/proc"
)

// belongs says whether a process is the master, or below it.
func (f *Follower) belongs(pid int) bool { return f.master != nil && below(pid, f.master.Ref().PID) }

// maxDepth bounds a walk up the parents: no honest tree is that deep.
const maxDepth = 256

// below says whether a process is root, or below it.
func below(pid, root int) bool {
	for range maxDepth {
		if pid == root {
			return true
		}
		st, err := proc.Proc.Stat(pid)
		if err != nil || st.PPID <= 1 {
			return false
		}
		pid = st.PPID
	}
	return false
}

// disown strikes workers off the books that are those of another master.
func (f *Follower) disown(others []proc.Ref) {
	for ref, w := range f.workers {
		if f.belongsTo(ref.PID, others) {
			w.release()
			delete(f.workers, ref)
		}
	}
}

// belongsTo says whether the nearest master above a process is one of the others.
func (f *Follower) belongsTo(pid int, others []proc.Ref) bool {
	is := func(r proc.Ref) bool { return r.PID == pid }
	for range maxDepth {
		if len(others) == 0 || pid == f.master.Ref().PID {
			return false
		}
		if slices.ContainsFunc(others, is) {
			return true
		}
		st, err := proc.Proc.Stat(pid)
		if err != nil || st.PPID <= 1 {
			return false
		}
		pid = st.PPID
	}
	return false
}
