package foreign

import (
	"fmt"
	"os"
	"time"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
)

// Renew asks a master to start its successor, in its dialect, and follows that one:
// [master.ReportMaster] says which process it is.
func Renew(old *proc.Process, spec Spec) (*Follower, error) {
	sig, err := dialect.Signal(spec.Row.Says[dialect.Renew])
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s for a successor: %w", spec.Row.Name, err)
	}
	f, err := newFollower(spec)
	if err != nil {
		return nil, err
	}
	if f.seek, err = seekSuccessor(old.Ref()); err == nil {
		err = old.Signal(sig)
	}
	if err != nil {
		f.giveBack()
		return nil, err
	}
	f.start()
	return f, nil
}

// Follow follows a master that somebody else asked for.
func Follow(ref proc.Ref, spec Spec) (*Follower, error) {
	f, err := newFollower(spec)
	if err != nil {
		return nil, err
	}
	if err := f.take(ref); err != nil {
		f.giveBack()
		return nil, err
	}
	f.start()
	return f, nil
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
		before: children(old.PID, anyProcess), first: map[proc.Ref]time.Time{},
	}, nil
}

func seekDaemon(spawned proc.Ref) *seek {
	return &seek{since: time.Now(), what: "daemon", old: spawned, first: map[proc.Ref]time.Time{}}
}
