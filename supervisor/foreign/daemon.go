package foreign

import "github.com/herderd/herder/supervisor/proc"

// A process that was spawned may leave the foreground: it ends well, and another one
// that it has forked is the master. Its end is seen here, by its pidfd, and by the
// reaper, who alone knows how it ended: who of the two is first is chance.

// Left says of a spec with Daemon how the process that was spawned has ended, which only
// the reaper knows: as one that has left a daemon in its place does, or not.
func (f *Follower) Left(daemon bool) {
	select {
	case f.left <- daemon:
	default: // a process ends once
	}
}

// departed: the master has ended, and with it what is followed; unless it may have made
// a daemon of itself, which Left says.
func (f *Follower) departed(ref proc.Ref) (over bool) {
	if f.master == nil || f.master.Ref() != ref {
		return false // Left has said it before
	}
	f.drop()
	if f.spawned && f.spec.Daemon && !f.whole {
		f.seek = seekDaemon(ref)
		f.timer.Stop()
		return false
	}
	f.farewell()
	return true
}

// followed: now it is known whether there is a daemon to be looked for. It may be known
// before the end of the process that has left it is.
func (f *Follower) followed(daemon bool) (over bool) {
	if !f.spawned || f.whole {
		return false
	}
	f.spawned = false
	if !daemon {
		f.drop()
		f.farewell()
		return true
	}
	if f.master != nil {
		f.seek = seekDaemon(f.master.Ref())
		f.drop()
	}
	f.timer.Reset(shortPause)
	return false
}
