package supervisor

import (
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/herd"
)

// Kernel is the world as the loop sees it. Its methods are called from the
// loop alone and return at once; what they cause comes back as a [Notice], or
// directly as events.
type Kernel interface {
	// Notices delivers what happened. The loop calls each notice, which brings
	// the books up to date and says which events that makes.
	Notices() <-chan Notice
	// Check begins the preflight; a notice brings herd.Checked.
	Check(try int)
	// Forget drops the preflight that nobody waits for any more, and its plan
	// if no generation was made from it.
	Forget()
	// Spawn starts the master of generation gen, as the plan that was checked
	// last says, or else the current one.
	Spawn(gen, workers int) []herd.Event
	// Follow makes the successor that has appeared generation gen.
	Follow(gen int) []herd.Event
	// Tell says a verb to a generation, or to what is left of one.
	Tell(t herd.Tell) []herd.Event
	// Seal admits no new connection where only leaving generations accept.
	Seal(gen int) []herd.Event
	// Publish makes the pid files say this.
	Publish(p herd.Publish) []herd.Event
	// Adopt makes the plan of a generation the current one.
	Adopt(gen int) []herd.Event
	// Mend puts right what apps did to the listeners they share. Of some of it
	// the kernel tells nobody, so the loop calls this whenever somebody asks how
	// the herd fares, as monitors do all the time.
	Mend() []herd.Event
	// Release forgets a generation and closes what only it needed.
	Release(gen int)
	// Reopen reopens the herder's own log.
	Reopen()
	// Relay sends a signal as it is to the workers or the master of a generation.
	Relay(gen int, to, signal string) error
	// Look says what is known of a generation, for the status.
	Look(gen int) (control.Generation, []string)
	// Listeners says how the listeners fare, for the status.
	Listeners() []control.Listener
	// Examine adds what there is to see of a generation, and of its surroundings,
	// to what the loop knows. It looks beside the loop and answers from there,
	// once, within a few seconds.
	Examine(known doctor.Herd, gen int, answer func(doctor.Herd))
}

// Notice is called by the loop, so that only the loop touches the books.
type Notice func() []herd.Event
