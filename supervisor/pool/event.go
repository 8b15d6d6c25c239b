package pool

import "time"

// Ref names a process for good: pids are used again, a pid with its start time is not.
type Ref struct {
	PID   int
	Start uint64 // clock ticks since boot, field 22 of /proc/PID/stat
}

// Event is what happened. Orders are for the whole pool, news is of one slot.
type Event interface{ event() }

// Orders: what the herder, or its end, asks of the pool.
type (
	// Begin raises the pool to the target of its policy.
	Begin struct{}
	// Scale sets the target; it is clamped to 0…MaxWorkers and the last one wins.
	Scale struct{ N int }
	// Quit lets every worker finish what it has in hand and then ends the pool.
	Quit struct{}
	// Stop ends the pool quickly.
	Stop struct{}
	// Reopen asks for log files to be opened again.
	Reopen struct{}
	// Signal hands a signal, by its name, to every live worker.
	Signal struct{ Name string }
	// Lost says that the herder is gone; nobody will give orders any more.
	Lost struct{}
	// Due says that the time of Deadline has come. The shell first delivers all
	// news that waits: who was itself stopped for a while must not blame others.
	Due struct{}
)

// News of one slot's worker.
type (
	// Spawned answers Start: the worker runs.
	Spawned struct {
		Slot int
		Ref  Ref
	}
	// SpawnFailed answers Start: there is no worker, and why.
	SpawnFailed struct {
		Slot int
		Why  string
	}
	// Ready says that the worker serves.
	Ready struct{ Slot int }
	// Unfit says that the worker called itself ready and is not, and why.
	Unfit struct {
		Slot int
		Why  string
	}
	// Exited says that the worker's process ended, and how ("exit 3").
	Exited struct {
		Slot int
		How  string
	}
	// Beat is a sign of life (WATCHDOG=1).
	Beat struct{ Slot int }
	// Hung is the worker's own word that it must be aborted (WATCHDOG=trigger).
	Hung struct{ Slot int }
	// Extend asks for more time to boot or to leave (EXTEND_TIMEOUT_USEC).
	Extend struct {
		Slot int
		By   time.Duration
	}
	// Stopping says that the worker has begun to leave by itself (STOPPING=1).
	Stopping struct{ Slot int }
)

// Internal news: an order, or the clock, reaches one slot.
type (
	retire  struct{}                // Quit, or a lower target
	hurry   struct{}                // Stop
	overdue struct{}                // the slot's Due has passed
	reopen  struct{}                // Reopen
	relay   struct{ signal string } // Signal
)

func (Begin) event()       {}
func (Scale) event()       {}
func (Quit) event()        {}
func (Stop) event()        {}
func (Reopen) event()      {}
func (Signal) event()      {}
func (Lost) event()        {}
func (Due) event()         {}
func (Spawned) event()     {}
func (SpawnFailed) event() {}
func (Ready) event()       {}
func (Unfit) event()       {}
func (Exited) event()      {}
func (Beat) event()        {}
func (Hung) event()        {}
func (Extend) event()      {}
func (Stopping) event()    {}
func (retire) event()      {}
func (hurry) event()       {}
func (overdue) event()     {}
func (reopen) event()      {}
func (relay) event()       {}

// Verb is what a worker is told; the shell and the dialect know how it is spelled.
type Verb uint8

// The verbs.
const (
	Graceful  Verb = iota // finish what is in hand, then leave
	Quick                 // leave now
	Abort                 // dump core: a hung worker's last words
	Kill                  // SIGKILL for the worker and all it has started
	LogsAgain             // open the log files again
	Relay                 // the signal named in Tell.Signal
	verbs
)

// Effect is what the shell has to do, in order.
type Effect interface{ effect() }

// The effects.
type (
	// Start a worker in this slot; answered by Spawned or SpawnFailed before
	// any other news of the slot.
	Start struct{ Slot int }
	// Tell the slot's worker a verb.
	Tell struct {
		Slot   int
		Verb   Verb
		Signal string // only with Relay
	}
	// Failed says that the pool could not be raised: which slot, and why.
	Failed struct {
		Slot   int
		Reason string
	}
	// Report says that Snapshot has changed.
	Report struct{}
	// Note is a decision worth a line in the log.
	Note struct {
		Slot int
		Text string
	}
	// ReopenLogs is the master's own part of Reopen.
	ReopenLogs struct{}
	// Leave is the last effect: no worker is left, exit with this code.
	Leave struct{ Code int }
	// Bug is an impossible event: the tables or the shell are wrong.
	Bug struct{ What string }
)

func (Start) effect()      {}
func (Tell) effect()       {}
func (Failed) effect()     {}
func (Report) effect()     {}
func (Note) effect()       {}
func (ReopenLogs) effect() {}
func (Leave) effect()      {}
func (Bug) effect()        {}
