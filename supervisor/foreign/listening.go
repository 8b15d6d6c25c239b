package foreign

import (
	"time"

	"github.com/herderd/herder/supervisor/ready"
)

// listening is the kernel's list of sockets that listen, made anew when it is old.
// A successor has inherited its own from its predecessor, so that an old list will do.
type listening struct {
	all ready.Listeners
	due time.Time // when it is too old
}

// now is the list, made at most so long ago that making it takes a sixteenth of the
// time.
func (l *listening) now() (ready.Listeners, error) {
	began := time.Now()
	if began.Before(l.due) {
		return l.all, nil
	}
	all, err := ready.ListListeners()
	if err != nil {
		return nil, err
	}
	l.all, l.due = all, time.Now().Add(afterCost(time.Since(began)))
	return all, nil
}

// busy are those that have a connection from one of the sockets in hand.
func (f *Follower) busy(pids []int, inodes []uint64) []int {
	all, err := f.listening.now()
	var busy []int
	if err == nil {
		busy, err = all.Accepted(pids, inodes)
	}
	if err != nil {
		f.note(err.Error())
	}
	return busy
}
