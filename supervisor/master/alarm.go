package master

import "time"

// A Due blames workers for what they have not said, so it must not come before
// what they have said: a master that was itself stopped (SIGSTOP, a suspended
// machine) finds its timer and their words at the same moment. So an alarm that
// rings is heard out only after calm: no notice for that long, and a timer that
// is not late itself. On a machine too busy for that, it is heard after maxCalms.
const (
	calm     = 10 * time.Millisecond
	maxCalms = 100
)

// alarm is the one timer.
type alarm struct {
	timer *time.Timer
	until time.Time // when the calm that has begun is over; zero: none has
	calms int
}

func newAlarm() *alarm {
	a := &alarm{timer: time.NewTimer(time.Hour)}
	a.timer.Stop()
	return a
}

func (a *alarm) C() <-chan time.Time { return a.timer.C }
func (a *alarm) stop()               { a.timer.Stop() }

// arm sets the timer for a deadline; zero: none.
func (a *alarm) arm(deadline time.Time) {
	now := time.Now()
	switch {
	case deadline.IsZero():
		a.until, a.calms = time.Time{}, 0
		a.timer.Stop()
	case now.Before(deadline):
		a.until, a.calms = time.Time{}, 0
		a.timer.Reset(deadline.Sub(now))
	default:
		if a.until.IsZero() {
			a.until = now.Add(calm)
		}
		a.timer.Reset(max(a.until.Sub(now), 0))
	}
}

// heard begins the calm anew.
func (a *alarm) heard(now time.Time) {
	if !a.until.IsZero() && a.calms < maxCalms {
		a.until = now.Add(calm)
		a.calms++
	}
}

// rings says, when the timer has fired, whether the deadline has really come.
func (a *alarm) rings(now time.Time) bool {
	if a.until.IsZero() || now.Before(a.until) {
		return false
	}
	if late := now.Sub(a.until); late > calm && a.calms < maxCalms {
		a.until = now.Add(calm)
		a.calms++
		return false
	}
	a.until, a.calms = time.Time{}, 0
	return true
}
