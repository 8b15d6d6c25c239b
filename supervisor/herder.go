package supervisor

import (
	"log/slog"
	"os"
	"time"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// Herder is one run: the loop and what it owns.
type Herder struct {
	name    string
	kernel  Kernel
	log     *slog.Logger
	tell    func(state string) // tells the supervisor above; see notify.go
	urgent  <-chan os.Signal
	signals <-chan os.Signal
	tty     bool // WINCH is a resized window, not a wish

	companion Companion

	core      *herd.Herd
	queue     []herd.Event // what performing effects gave rise to
	timer     *time.Timer
	grace     time.Time // a deadline that was noticed late waits until then
	announced string    // what was told last

	requests chan request
	callers  map[int]chan<- control.Reply
	answers  []func() // to be given when the effects of this step are performed
	lastID   int
	last     *control.Verdict
}

// run herds until the core is done. Every event passes here.
func (h *Herder) run(p herd.Policy) herd.Verdict {
	h.timer = time.NewTimer(time.Hour)
	defer h.timer.Stop()
	core, effects := herd.New(p, time.Now())
	h.core = core
	h.perform(effects)
	for !h.core.Done() {
		for _, e := range h.next() {
			h.perform(h.core.Step(time.Now(), e))
		}
		h.announce()
	}
	return h.core.Verdict()
}

// next waits for the next events. What effects gave rise to comes first: it
// is older than anything that arrives. The deadline comes last, so that a
// herder that was stopped for a while (SIGSTOP, a suspended machine) hears
// what its masters said meanwhile before it judges them late.
func (h *Herder) next() []herd.Event {
	if len(h.queue) > 0 {
		events := h.queue
		h.queue = nil
		return events
	}
	if events, ok := h.arrived(); ok {
		return events
	}
	h.arm()
	select {
	case s := <-h.urgent:
		return h.wish(s)
	case s := <-h.signals:
		return h.wish(s)
	case r := <-h.requests:
		return h.request(r)
	case n := <-h.kernel.Notices():
		return n()
	case <-h.timer.C:
		if events, ok := h.arrived(); ok {
			return events
		}
		return h.overdue(time.Now())
	}
}

// grace is how long a herder that wakes up late listens before it judges, and
// late how late that is. Its timer and the words of its masters are there at the
// same moment, but who listens to them needs one more to pass them on.
const (
	grace = 50 * time.Millisecond
	late  = 5 * time.Millisecond
)

func (h *Herder) overdue(now time.Time) []herd.Event {
	deadline := h.core.Deadline()
	if !deadline.IsZero() && now.Sub(deadline) > late && !h.grace.After(deadline) {
		h.grace = now.Add(grace)
		return nil
	}
	if events := h.askCompanion(now); events != nil || deadline.IsZero() || now.Before(deadline) {
		return events
	}
	return []herd.Event{herd.Due{}}
}

// arrived takes what is there already, without waiting.
func (h *Herder) arrived() ([]herd.Event, bool) {
	select {
	case s := <-h.urgent:
		return h.wish(s), true
	case s := <-h.signals:
		return h.wish(s), true
	case r := <-h.requests:
		return h.request(r), true
	case n := <-h.kernel.Notices():
		return n(), true
	default:
		return nil, false
	}
}

// arm sets the one timer for the core's deadline, or stops it.
func (h *Herder) arm() {
	d := h.deadline()
	if d.IsZero() {
		h.timer.Stop()
		return
	}
	if d.Before(h.grace) {
		d = h.grace
	}
	h.timer.Reset(time.Until(d))
}

// announce tells the supervisor above when what it knows of us changes.
func (h *Herder) announce() {
	now := h.announced
	switch s := h.core.Snapshot(); s.Phase {
	case herd.Serving:
		now = stateReady(s)
	case herd.Stopping, herd.Hurrying:
		now = "STOPPING=1"
	}
	if now != h.announced {
		h.announced = now
		h.tell(now)
	}
}
