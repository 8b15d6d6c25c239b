package starter

import (
	"fmt"
	"time"

	"github.com/herderd/herder/supervisor/herd"
)

// Deadline is when the next restart is due that nobody but the clock asks for.
func (k *Keeper) Deadline() time.Time {
	if k.stop != "" || k.restarting || k.why != "" || k.pids[k.serving] == 0 {
		return time.Time{}
	}
	if !k.again.IsZero() || k.now.AutoRestart == 0 {
		return k.again
	}
	// Old workers that take long get as long again.
	if len(k.old()) > 0 {
		return k.since.Add(2 * k.now.AutoRestart)
	}
	return k.since.Add(k.now.AutoRestart)
}

// Due is called when the deadline has come. The environment may have another opinion
// by now.
func (k *Keeper) Due(now time.Time) []herd.Event {
	if !k.again.IsZero() {
		k.again = time.Time{}
		k.restarting = true
		return []herd.Event{herd.Upgrade{}}
	}
	k.now = k.command.Settings()
	if due := k.Deadline(); due.IsZero() || now.Before(due) {
		return nil
	}
	how := ""
	if len(k.old()) > 0 {
		how = "forced, "
	}
	k.why = fmt.Sprintf("autorestart triggered (%sinterval=%d)", how, int(k.now.AutoRestart.Seconds()))
	return []herd.Event{herd.Upgrade{}}
}

// minPace is between two tries where the interval is 0.
const minPace = 100 * time.Millisecond

// Pace is between two tries to start a worker.
func Pace(c *Command) time.Duration { return max(c.Interval, minPace) }
