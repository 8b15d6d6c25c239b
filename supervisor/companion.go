package supervisor

import (
	"maps"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// Companion goes along with a run, where herder stands in for another program: it
// is told what becomes of the generations, in the order in which it happens, and
// may say what a signal means and when the next generation is wanted. The loop
// calls it and nobody else, so its methods return at once.
type Companion interface {
	// Begun: the listeners are bound and the pid file is locked; no generation has
	// been started. An error ends the run.
	Begun() error
	// Heard says what a signal means here; usual is what it means otherwise. With relay
	// it may send one on, as it is, to the process of a generation.
	Heard(s os.Signal, usual []herd.Event, relay func(gen int, signal string)) []herd.Event
	// Spawned and Ended: the master of a generation was started, and has ended.
	Spawned(gen, pid int)
	Ended(gen, pid int, status unix.WaitStatus)
	// Did: the core decided this, and it has been done. The generations can be looked at.
	Did(e herd.Effect, look Looker, now time.Time)
	// Deadline is when to call Due; zero is never.
	Deadline() time.Time
	Due(now time.Time) []herd.Event
}

// Looker says what is known of a generation; of one that is gone, nothing.
type Looker = func(gen int) control.Generation

// Onlooker is a [Companion] that changes nothing. Who has only some of the methods
// embeds it.
type Onlooker struct{}

// Begun has nothing to do.
func (Onlooker) Begun() error { return nil }

// Heard leaves the meaning as it is.
func (Onlooker) Heard(_ os.Signal, usual []herd.Event, _ func(int, string)) []herd.Event {
	return usual
}

// Spawned ignores it.
func (Onlooker) Spawned(int, int) {}

// Ended ignores it.
func (Onlooker) Ended(int, int, unix.WaitStatus) {}

// Did ignores it.
func (Onlooker) Did(herd.Effect, Looker, time.Time) {}

// Deadline is never.
func (Onlooker) Deadline() time.Time { return time.Time{} }

// Due has nothing to say.
func (Onlooker) Due(time.Time) []herd.Event { return nil }

// Custom is what is done otherwise where herder stands in for another program;
// the zero value is herder's own way.
type Custom struct {
	// Policy changes what the configuration says about time and numbers.
	Policy func(*herd.Policy)
	// Environ is added to the environment of a generation. Who has it tells the
	// generation about its listeners, and nobody else does.
	Environ func(gen int) map[string]string
	// Numbers are those of the listeners in the generation, in the order in which
	// they are configured; for kinds other than pool.
	Numbers []int
	// Listens is how long a server that binds by itself may take to do so; 0: as long as
	// it may take to serve.
	Listens time.Duration
	// Ignore are signals with which a generation starts ignored; for kinds other than pool.
	Ignore []unix.Signal
	// Goodbye is the signal by which a generation is asked to leave; "": the dialect's.
	Goodbye func(gen int) string
}

func (c *Custom) policy(of *config.Config) herd.Policy {
	p := policy(of)
	if c.Policy != nil {
		c.Policy(&p)
	}
	return p
}

func (c *Custom) environ(gen int, env map[string]string) {
	if c.Environ != nil {
		maps.Copy(env, c.Environ(gen))
	}
}

func (c *Custom) goodbye(gen int) string {
	if c.Goodbye == nil {
		return ""
	}
	return c.Goodbye(gen)
}

// tellCompanion is called when an effect has been performed.
func (h *Herder) tellCompanion(e herd.Effect) {
	if s, ok := e.(herd.Spawn); ok {
		if m := h.look(s.Gen).Master; m != nil {
			h.companion.Spawned(s.Gen, m.PID)
		}
	}
	h.companion.Did(e, h.look, time.Now())
}

// look is the [Looker].
func (h *Herder) look(gen int) control.Generation {
	seen, _ := h.kernel.Look(gen)
	return seen
}

// askCompanion is called when a deadline has come, perhaps that of the companion.
func (h *Herder) askCompanion(now time.Time) []herd.Event {
	if !reached(h.companion.Deadline(), now) {
		return nil
	}
	return h.companion.Due(now)
}

// deadline is the nearest one: of the core, or of the companion.
func (h *Herder) deadline() time.Time {
	d := h.core.Deadline()
	if own := h.companion.Deadline(); d.IsZero() || !own.IsZero() && own.Before(d) {
		return own
	}
	return d
}

func reached(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// relayAny sends a signal on for the companion.
func (h *Herder) relayAny(gen int, signal string) {
	if err := h.kernel.Relay(gen, "master", signal); err != nil {
		h.log.Warn(err.Error())
	}
}

// tellEnded tells the companion of a master that has ended.
func (t *tender) tellEnded(g *tended, e proc.Exit) {
	t.companion.Ended(g.n, e.PID, e.Status)
}
