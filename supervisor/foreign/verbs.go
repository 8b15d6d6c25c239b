package foreign

import (
	"errors"
	"fmt"
	"time"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// verbNames are what the log calls the verbs that a server may not know.
var verbNames = map[dialect.Verb]string{
	dialect.Graceful: "graceful stop", dialect.Quick: "quick stop", dialect.Reopen: "reopen logs",
	dialect.Grow: "one worker more", dialect.Shrink: "one worker fewer",
	dialect.Drain: "drain workers", dialect.Revive: "bring workers back",
}

// obey says an order in the server's dialect. A server that boots may not have its
// handlers yet, and die of a signal that means something harmless later: what can
// wait until it is whole does.
func (f *Follower) obey(o master.Order) {
	switch {
	case f.master == nil: // looked for; what is said to it then is in order
		f.obeyInSearch(o)
	case f.obeyAtOnce(o):
	case !f.whole:
		f.later = append(f.later, o)
	default:
		f.carryOut(o)
	}
}

func (f *Follower) obeyInSearch(o master.Order) {
	if f.seek.asked.IsZero() && (o.Do == master.DoQuit || o.Do == master.DoStop) {
		f.lost = true // nobody was asked to start it, and nobody is any more
		return
	}
	f.later = append(f.later, o)
}

// obeyAtOnce does what cannot wait, and says whether that was all.
func (f *Follower) obeyAtOnce(o master.Order) (done bool) {
	switch o.Do {
	case master.DoQuit:
		if o.Signal != "" {
			f.signal(f.master, o.Signal)
		} else {
			f.end(dialect.Graceful)
		}
	case master.DoStop:
		f.end(dialect.Quick)
	case master.DoCheck:
		f.look()
		f.report()
	case master.DoReopen: // the file is ours; the server has more to reopen
		f.reopenLog()
		return false
	default:
		return false
	}
	return true
}

// carryOut does what a whole generation is asked for.
func (f *Follower) carryOut(o master.Order) {
	switch o.Do {
	case master.DoReopen:
		f.tell(dialect.Reopen)
	case master.DoScale:
		f.resize(o.N)
	case master.DoNudge:
		f.nudgeBy(f.nudge.by + o.N)
	case master.DoCount:
		f.nudgeBy(o.N - len(f.workers))
	case master.DoRestore:
		f.nudgeBy(max(0, o.N-len(f.workers)))
	case master.DoSignal:
		f.signalWorkers(o.Signal)
	}
}

func (f *Follower) nudgeBy(n int) {
	f.nudge.by = n
	f.keepLooking()
}

// end asks the master to leave. One that still loads the app, alone, has accepted
// nothing, and would hear no word before it starts its workers: unicorn's handlers only
// queue, and the hook before its first worker sends the old master away, which is to
// serve on.
func (f *Follower) end(v dialect.Verb) {
	if !f.spec.Binds || f.whole || len(children(f.master.Ref().PID, anyProcess)) > 0 {
		f.tell(v)
		return
	}
	f.note("it loads the app and would not listen: killed")
	f.signal(f.master, "KILL")
}

func anyProcess(proc.Stat) bool { return true }

// obeyEnds says what was ordered while the master was looked for and cannot wait
// until it is whole.
func (f *Follower) obeyEnds() {
	later := f.later
	f.later = nil
	for _, o := range later {
		f.obey(o)
	}
}

// resize: to the herder the generation is one worker, or none when its workers are
// to be sent away.
func (f *Follower) resize(n int) {
	if n == 0 {
		f.crew = max(f.crew, len(f.workers)) // it may be told again
		f.tell(dialect.Drain)
		return
	}
	if f.spec.Row.Says[dialect.Revive] != "" {
		f.tell(dialect.Revive)
	} else {
		f.nudge.by += f.crew // it wants none now, whoever is still about to leave
	}
	f.crew = 0
	f.keepLooking()
}

// tell signals the master; false where its dialect has no word for that.
func (f *Follower) tell(v dialect.Verb) bool {
	name := f.spec.Row.Says[v]
	if name == "" {
		f.note(fmt.Sprintf("%s has no word for %q: nothing is said to it", f.spec.Row.Name, verbNames[v]))
		return false
	}
	f.signal(f.master, name)
	return true
}

func (f *Follower) signal(p *proc.Process, name string) {
	sig, err := dialect.Signal(name)
	if err == nil {
		err = p.Signal(sig)
	}
	if err != nil && !errors.Is(err, proc.ErrGone) {
		f.note(err.Error())
	}
}

func (f *Follower) signalWorkers(name string) {
	for _, w := range f.workers {
		f.signal(w.process, name)
	}
}

// nudge is a number of workers to be added or taken away, one signal at a time: a
// second one that comes before the first is taken is lost (signal(7): standard signals
// do not queue).
type nudge struct {
	by   int
	had  int       // workers when the last signal was sent
	sent time.Time // zero: none is under way
}

// nudgePace is how long the effect of one signal is waited for.
const nudgePace = 300 * time.Millisecond

// due says which signal is to be sent now, when there are so many workers: 1 for one
// more, -1 for one fewer, 0 for none. It is when the last one has had its effect, or
// its time.
func (n *nudge) due(now time.Time, workers int) int {
	if n.by == 0 || !n.sent.IsZero() && n.had == workers && now.Sub(n.sent) < nudgePace {
		return 0
	}
	one := 1
	if n.by < 0 {
		one = -1
	}
	n.by, n.had, n.sent = n.by-one, workers, now
	return one
}

// stepNudge sends the next signal when it is due.
func (f *Follower) stepNudge(now time.Time) {
	verb := dialect.Grow
	switch f.nudge.due(now, len(f.workers)) {
	case 0:
		return
	case -1:
		verb = dialect.Shrink
	}
	if !f.tell(verb) {
		f.nudge.by = 0
		return
	}
	f.keepLooking()
}
