package master

import "github.com/herderd/herder/supervisor/pool"

// Kernel is the world as the loop sees it. Its methods are called from the loop
// alone and return at once.
type Kernel interface {
	// Notices delivers what happened. The loop calls each notice, which brings the
	// books up to date and says which events that makes.
	Notices() <-chan Notice
	// Start starts a worker, and says how that went.
	Start(slot int) []pool.Event
	// Tell says a verb to a worker; to one that is gone already, in vain.
	Tell(t pool.Tell)
	// Say sends a report to the herder; State sends what is.
	Say(r Report)
	State(s pool.Snapshot)
	// Tail is what the slot's last worker wrote last.
	Tail(slot int) []string
	// Reopen opens the log file again.
	Reopen()
	// Leave ends whatever the workers have left behind, and lets go of everything.
	Leave()
}

// Notice is called by the loop, so that only the loop touches the books.
type Notice func() []pool.Event
