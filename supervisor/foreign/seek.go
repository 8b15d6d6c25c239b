package foreign

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// A master that a server makes by itself must be found: the successor, after the old
// one was asked to start it; or the daemon, after the process that we spawned has
// forked and gone. What a pid file says is a hint: it must be one of those that can
// be the one, which the process tree knows.
//
//  1. A successor is a child of the old master that has executed a program since: a
//     worker was only forked, and still has its parent's stack ([proc.Stat]).
//  2. A daemon is a child of ours, for we are the nearest subreaper, and has in its
//     environment the notify socket that only this generation was given; or has written
//     its title over that, and is younger than the process that we spawned.
//     It is there before the process ends that has left it.
//  3. Of several the pid file's is it. With none there, or without a pid file, it is
//     one that runs the same program as the old master did, and not one that is about
//     to end: a helper that a hook has started.

// seekFor bounds the search: a server forks at once, or says why not.
const seekFor = 10 * time.Second

func (f *Follower) seekFor() time.Duration { return cmp.Or(f.spec.seekFor, seekFor) }

// steady is how long a candidate that no pid file names must have lived.
const steady = 100 * time.Millisecond

// vanished is how long there must be none, after there was one, for it to have been the
// successor, and not a helper that was started before that.
const vanished = time.Second

// seek is a search under way.
type seek struct {
	since  time.Time
	signal unix.Signal // asks for it; 0: it comes unasked
	asked  time.Time   // zero: it was not yet
	again  time.Time   // the last time
	what   string      // is looked for, for the log
	old    proc.Ref
	exe    string                 // what the old master runs; "": the daemon is looked for
	stack  uint64                 // of the old master
	mark   string                 // in its environment, which it hands down
	before []proc.Ref             // children that the old master had already, or that were ours: workers of a dead one
	first  map[proc.Ref]time.Time // when each candidate was first seen
	none   time.Time              // no candidate has been seen since then
}

// search looks once, and plans the next look.
func (f *Follower) search(now time.Time) {
	if ref, ok := f.found(now); ok {
		if err := f.take(ref); err == nil {
			f.seek, f.started = nil, now
			f.timer.Reset(shortPause)
			f.say(master.Report{Kind: master.ReportMaster, PID: ref.PID, Start: ref.Start})
			f.obeyEnds()
			return
		}
	}
	if why := f.inVain(now); why != "" {
		f.fail(why)
		f.lost = true
		return
	}
	f.timer.Reset(f.seek.pause(now))
}

// pause is that before the next look. One that cannot start may be there for a few
// milliseconds only, so they are short again whenever it was asked for.
func (s *seek) pause(now time.Time) time.Duration {
	since := s.since
	if s.again.After(since) {
		since = s.again
	}
	return min(max(now.Sub(since)/16, shortPause), longPause)
}

// inVain says why it is looked no longer. A daemon is there before the process ends that
// has left it; a successor may be forked later, once the old master was asked for it.
func (f *Follower) inVain(now time.Time) string {
	err := f.ask(now)
	switch s := f.seek; {
	case s.asked.IsZero() && err != nil:
		return fmt.Sprintf("cannot ask for a %s: %v", s.what, err)
	case s.asked.IsZero():
		return ""
	case s.exe == "" && f.deserted(now) > steady:
		return "it ended well and has left no daemon"
	case len(s.first) > 0 && f.deserted(now) > vanished, s.unasked() && f.tookBack():
		return "the " + s.what + " ended as soon as it was there"
	case now.Sub(s.asked) > f.seekFor():
		return fmt.Sprintf("no %s appeared within %s", s.what, f.seekFor())
	}
	return ""
}

// unasked says whether a successor is looked for that somebody else has asked for ([Await]).
func (s *seek) unasked() bool { return s.exe != "" && s.signal == 0 }

// tookBack says whether the pid file names the old master: it has buried its successor.
func (f *Follower) tookBack() bool {
	pid, err := pidfile.Read(f.spec.Pidfile)
	return err == nil && pid == f.seek.old.PID
}

// deserted is for how long there has been no candidate. One look is not enough: between
// two forks the one has ended before it is looked at, and the other was not in the list
// yet.
func (f *Follower) deserted(now time.Time) time.Duration {
	s := f.seek
	if len(f.candidates()) > 0 {
		s.none = time.Time{}
		return 0
	}
	if s.none.IsZero() {
		s.none = now
	}
	return now.Sub(s.none)
}

func (f *Follower) found(now time.Time) (proc.Ref, bool) {
	named := f.namedPIDs()
	for _, ref := range f.candidates() {
		if slices.Contains(named, ref.PID) {
			return ref, true
		}
		first, seen := f.seek.first[ref]
		if !seen {
			f.seek.first[ref] = now
			continue
		}
		if now.Sub(first) >= f.steadyFor(named) && f.runsTheSame(ref) {
			return ref, true
		}
	}
	return proc.Ref{}, false
}

// steadyFor: a pid file that is written later is waited for.
func (f *Follower) steadyFor(named []int) time.Duration {
	if f.spec.Pidfile != "" && len(named) > 0 {
		return f.seekFor() / 2
	}
	return steady
}

// namedPIDs are what the server's pid files say now, in either naming.
func (f *Follower) namedPIDs() []int {
	if f.spec.Pidfile == "" {
		return nil
	}
	var pids []int
	for _, path := range []string{f.spec.Pidfile, f.spec.Pidfile + ".2"} {
		if pid, err := pidfile.Read(path); err == nil && pid != f.seek.old.PID {
			pids = append(pids, pid)
		}
	}
	return pids
}

// candidates are the processes that can be the one.
func (f *Follower) candidates() []proc.Ref {
	var refs []proc.Ref
	if f.seek.exe != "" {
		refs = children(f.seek.old.PID, func(st proc.Stat) bool {
			return st.Stack != f.seek.stack && !slices.Contains(f.seek.before, st.Ref())
		})
	}
	// The old master may have gone meanwhile: what it left is ours.
	ours := children(os.Getpid(), func(st proc.Stat) bool {
		if f.seek.exe != "" {
			return st.Stack != f.seek.stack && !slices.Contains(f.seek.before, st.Ref()) && marked(st.PID, "HERDER_GENERATION", f.seek.mark)
		}
		return marked(st.PID, "NOTIFY_SOCKET", f.notify.Address()) || st.Ref().Start >= f.seek.old.Start && proc.Proc.Wiped(st.PID)
	})
	known := f.spec.Masters.Except(proc.Ref{})
	return slices.DeleteFunc(append(refs, ours...), func(r proc.Ref) bool { return slices.Contains(known, r) })
}

func marked(pid int, key, value string) bool {
	got, ok := proc.Proc.Environ(pid, key)
	return ok && got == value
}

// children are the living ones of a process that are as wanted.
func children(pid int, wanted func(proc.Stat) bool) []proc.Ref {
	pids, err := proc.Proc.Children(pid)
	if err != nil {
		return nil
	}
	var refs []proc.Ref
	for _, kid := range pids {
		if st, err := proc.Proc.Stat(kid); err == nil && !st.Dead() && wanted(st) {
			refs = append(refs, st.Ref())
		}
	}
	return refs
}

// runsTheSame: a successor runs what its predecessor did. It may be another release
// of the interpreter, but then a pid file must name it.
func (f *Follower) runsTheSame(ref proc.Ref) bool {
	if f.seek.exe == "" {
		return true
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", ref.PID))
	return err == nil && exe == f.seek.exe
}
