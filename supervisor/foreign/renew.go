package foreign

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Renew asks a master to start its successor, in its dialect, and follows that one:
// [master.ReportMaster] says which process it is.
func Renew(old *proc.Process, spec Spec) (*Follower, error) {
	sig, err := dialect.Signal(spec.Row.Says[dialect.Renew])
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s for a successor: %w", spec.Row.Name, err)
	}
	return beside(spec, func(f *Follower) (err error) {
		if f.seek, err = seekSuccessor(old.Ref()); err != nil {
			return err
		}
		f.seek.before = children(old.Ref().PID, anyProcess)
		f.seek.signal = sig
		return f.ask(time.Now())
	})
}

// Await is the same for a master that somebody else has asked, and that has given the
// name of its pid file free for its successor, which may be there already. When the file
// is the old master's again, that one has failed.
func Await(old proc.Ref, spec Spec) (*Follower, error) {
	return beside(spec, func(f *Follower) (err error) {
		if f.seek, err = seekSuccessor(old); err != nil {
			return err
		}
		f.seek.before = helpers(old.PID, f.seek.stack)
		f.seek.asked = f.seek.since
		return nil
	})
}

// Follow follows a successor that is known.
func Follow(ref proc.Ref, spec Spec) (*Follower, error) {
	return beside(spec, func(f *Follower) error { return f.take(ref) })
}

// beside follows, once it is begun, a master that another one has started.
func beside(spec Spec, begin func(f *Follower) error) (*Follower, error) {
	f, err := newFollower(spec)
	if err != nil {
		return nil, err
	}
	f.share(spec.After)
	if err := begin(f); err != nil {
		f.giveBack()
		return nil, err
	}
	f.start()
	return f, nil
}

// A master does not start a successor while its own predecessor is there: unicorn
// refuses because .oldbin names a live process, nginx and gunicorn because they have
// a parent. gunicorn notices up to a second late that it has none any more. None of
// them says so to who asked.

// askAgain is how long a sign of the successor is waited for.
const askAgain = 500 * time.Millisecond

// ask asks the old master for its successor, when that can be of use: once its own
// predecessor is gone, and again if it seems not to have heard. All refuse to start a
// second one beside the first.
func (f *Follower) ask(now time.Time) error {
	s := f.seek
	if s.signal == 0 || len(s.first) > 0 || now.Sub(s.again) < askAgain {
		return nil
	}
	st, err := proc.Proc.Stat(s.old.PID)
	if err != nil {
		return err
	}
	if f.spec.Masters.has(st.PPID) {
		return nil
	}
	old, err := proc.OpenRef(s.old)
	if err != nil {
		return err
	}
	defer old.Close()
	if s.asked.IsZero() { // its predecessor, gone by now, may have left us some
		s.before = append(s.before, children(os.Getpid(), anyProcess)...)
	}
	if err := old.Signal(s.signal); err != nil {
		return err
	}
	if s.again = now; s.asked.IsZero() {
		s.asked = now
	}
	return nil
}

func seekSuccessor(old proc.Ref) (*seek, error) {
	st, err := proc.Proc.Stat(old.PID)
	if err != nil {
		return nil, err
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", old.PID))
	if err != nil {
		return nil, fmt.Errorf("cannot see what process %d runs: %w", old.PID, err)
	}
	mark, _ := proc.Proc.Environ(old.PID, "HERDER_GENERATION") // later it may be gone
	return &seek{
		since: time.Now(), what: "successor", old: old, exe: exe, stack: st.Stack, mark: mark,
		first: map[proc.Ref]time.Time{},
	}, nil
}

// helpers are the children of a master that have executed a program and are no
// successor, for that one has a listener of the master's from its first instant on.
func helpers(master int, stack uint64) []proc.Ref {
	executed := children(master, func(st proc.Stat) bool { return st.Stack != stack })
	if len(executed) == 0 {
		return nil // most have none, and the kernel takes milliseconds to list its sockets
	}
	listeners, err := ready.ListListeners()
	if err != nil {
		return nil
	}
	own, err := listeners.HeldBy([]int{master})
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(executed, func(ref proc.Ref) bool {
		held, err := listeners.HeldBy([]int{ref.PID})
		return err != nil || slices.ContainsFunc(held, func(ino uint64) bool { return slices.Contains(own, ino) })
	})
}

func seekDaemon(spawned proc.Ref) *seek {
	return &seek{since: time.Now(), asked: time.Now(), what: "daemon", old: spawned, first: map[proc.Ref]time.Time{}}
}
