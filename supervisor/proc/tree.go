package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// treePause is the time between two looks at a dying tree: SIGKILL takes effect
// when the process is next scheduled, and there is no event for "all are gone".
const treePause = 2 * time.Millisecond

// settleTime bounds the wait for a SIGSTOP to take hold.
const settleTime = 100 * time.Millisecond

// SignalTree sends sig once to root and to all below it, parents first, and
// returns how many got it. Dead ones do not count. It refuses a root that is above us,
// and never signals us: with our own Ref it means all below us.
func (fs FS) SignalTree(root Ref, sig unix.Signal) (int, error) {
	below, err := fs.tree(root)
	if err != nil {
		return 0, err
	}
	sent := 0
	for _, st := range below {
		ok, bad := deliver(st, sig)
		err = errors.Join(err, bad)
		if ok {
			sent++
		}
	}
	return sent, err
}

// KillTree ends root and all below it, within the given time, and returns those
// it could not end: unkillable ones (state D), or those of a fork bomb that outran us.
//
// root is stopped first and killed last. Stopped it makes no more children; and
// while it lives, orphans of its tree come to it if it is a subreaper. (Orphans of a root
// that is none come to the next subreaper above: ask for the tree of that one.)
// Zombies count as ended; who waits for them is another matter. What is in except, and
// all below it, is let be.
func (fs FS) KillTree(root Ref, within time.Duration, except ...Ref) ([]Ref, error) {
	if _, err := fs.tree(root); err != nil {
		return nil, err // ours or above us, or gone: nothing is touched
	}
	rootStat, err := fs.Stat(root.PID)
	if err != nil {
		return nil, err
	}
	self := root.PID == os.Getpid()
	if !self {
		_, err = deliver(rootStat, unix.SIGSTOP)
		fs.settle(root, min(within, settleTime))
	}
	deadline := time.Now().Add(within)
	left, failed := fs.killBelow(root, deadline, except)
	if !self {
		_, bad := deliver(rootStat, unix.SIGKILL)
		left = append(left, fs.await(root, deadline)...)
		failed = errors.Join(failed, bad)
	}
	if len(left) == 0 {
		return nil, nil // whatever went wrong on the way, all are gone
	}
	return left, errors.Join(fmt.Errorf("cannot end %d processes of the tree of process %d in %v", len(left), root.PID, within), err, failed)
}

// killBelow kills until nothing alive is below root or the time is up. Each
// round stops a fork bomb's members by killing them faster than they see each other.
func (fs FS) killBelow(root Ref, deadline time.Time, except []Ref) ([]Ref, error) {
	for {
		below, err := fs.tree(root, except...)
		if errors.Is(err, ErrGone) {
			return nil, nil
		}
		var left []Ref
		for _, st := range below {
			if st.Ref() == root || st.Dead() {
				continue
			}
			left = append(left, st.Ref())
			_, bad := deliver(st, unix.SIGKILL)
			err = errors.Join(err, bad)
		}
		if len(left) == 0 || !time.Now().Before(deadline) {
			return left, err
		}
		time.Sleep(treePause)
	}
}

// settle waits until a stop has taken hold: a fork under way still completes,
// and its child must be seen. A process in state D neither stops nor forks.
func (fs FS) settle(ref Ref, within time.Duration) {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(treePause) {
		st, err := fs.Stat(ref.PID)
		if err != nil || st.Ref() != ref || st.Dead() || st.State == 'T' || st.State == 't' {
			return
		}
	}
}

// await waits until ref is dead or the time is up, and returns it if it is not.
func (fs FS) await(ref Ref, deadline time.Time) []Ref {
	for {
		st, err := fs.Stat(ref.PID)
		if err != nil || st.Ref() != ref || st.Dead() {
			return nil
		}
		if !time.Now().Before(deadline) {
			return []Ref{ref}
		}
		time.Sleep(treePause)
	}
}

// tree is root, unless that is us, and all below it. It refuses a tree that we
// are part of, and that of PID 1, which is everything: by the chain of our
// parents, and again by what was found.
func (fs FS) tree(root Ref, except ...Ref) ([]Stat, error) {
	st, err := fs.Stat(root.PID)
	if err == nil && st.Start != root.Start {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot walk the tree of process %d: %w", root.PID, err)
	}
	self := os.Getpid()
	if above, err := fs.ancestor(root.PID, self); err != nil || above || root.PID <= 1 && self != root.PID {
		return nil, errors.Join(err, errOurTree(root))
	}
	below, err := fs.descend(root.PID, except)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(below, func(s Stat) bool { return s.PID == self }) {
		return nil, errOurTree(root)
	}
	if root.PID == self {
		return below, nil
	}
	return append([]Stat{st}, below...), nil
}

func errOurTree(root Ref) error {
	return fmt.Errorf("cannot walk the tree of process %d: it holds this very process", root.PID)
}

// ancestor tells whether pid is above of. The walk ends at 0, the parent of
// PID 1 and of whoever came from outside this pid namespace.
func (fs FS) ancestor(pid, of int) (bool, error) {
	for range 1 << 16 { // no chain is longer than there are pids, but a walk over a moving tree could be
		st, err := fs.Stat(of)
		if err != nil {
			return false, err
		}
		if st.PPID == 0 {
			return false, nil
		}
		if of = st.PPID; of == pid {
			return true, nil
		}
	}
	return false, errors.New("the chain of parents has no end")
}

// deliver signals exactly the process st was read of; false when it is gone.
func deliver(st Stat, sig unix.Signal) (bool, error) {
	if st.Dead() || st.PID == os.Getpid() || st.PID <= 1 {
		return false, nil
	}
	p, err := OpenRef(st.Ref())
	if err == nil {
		err = errors.Join(p.Signal(sig), p.Close())
	}
	if errors.Is(err, ErrGone) {
		return false, nil
	}
	return err == nil, err
}
