package foreign

import (
	"fmt"
	"time"

	"github.com/herderd/herder/supervisor/proc"
)

// A server that loads the app in its workers (unicorn without preload_app, starman)
// starts a new one for each that dies of it, for ever and without a pause. That it
// will never serve shows long before the time is over in which it might.

// futile is how many workers may die without one that served.
const futile = 20

// stillborn counts workers that ended before they served.
type stillborn struct {
	alive map[proc.Ref]bool
	died  int
}

// watchBoot is told the children that the master has now, but for those that have
// executed a program: helpers come and go as they like.
func (f *Follower) watchBoot(children []proc.Ref) {
	s := &f.stillborn
	now := make(map[proc.Ref]bool, len(children))
	for _, ref := range children {
		now[ref] = true
	}
	for ref := range s.alive {
		if !now[ref] && ended(ref) { // or it was a helper, seen before it executed its program
			s.died++
		}
	}
	s.alive = now
	if s.died < futile || len(f.workers) > 0 || f.failed {
		return
	}
	f.failed = true
	f.fail(fmt.Sprintf("its workers die before they serve, %d so far", s.died))
}

// ListensNowhere begins the reason why a server is given up that binds by itself, and
// took longer for that than it may (Spec.Listens).
const ListensNowhere = "it listens nowhere after "

func (f *Follower) watchTime(now time.Time) {
	if f.bindBy.IsZero() || f.failed || now.Before(f.bindBy) {
		return
	}
	f.failed = true
	f.fail(ListensNowhere + f.spec.Listens.String())
}

// forked are the children of the master that were only forked.
func (f *Follower) forked() []proc.Ref {
	own, err := proc.Proc.Stat(f.master.Ref().PID)
	if err != nil || own.Stack == 0 {
		return nil
	}
	return children(own.PID, func(st proc.Stat) bool { return st.Stack == own.Stack })
}

func ended(ref proc.Ref) bool {
	st, err := proc.Proc.Stat(ref.PID)
	return err != nil || st.Ref() != ref || st.Dead()
}
