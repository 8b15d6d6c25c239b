package master

import (
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Duration is a time.Duration; on the wire it is a number of nanoseconds.
type Duration = time.Duration

// Spec is what a master is told once, at its start.
type Spec struct {
	Name       string
	Generation int

	Path      string   // the workers' executable; "": found by Argv[0] and the PATH
	Argv      []string // {fd:NAME} and {port:NAME} are expanded for each worker
	Listeners []handoff.Passed
	Workers   int

	Ready        ready.How
	Notify       string   // the path of the notify socket; "": without a file
	ReadyTimeout Duration // of each worker; 0: none, the herder has its own
	StopTimeout  Duration // from the graceful word to SIGKILL
	KillTimeout  Duration // from the quick word, or an abort, to SIGKILL; 0: DefaultKillTimeout
	Watchdog     Duration // 0: none

	Dialect         string // whose signals the workers know; "": those of any command
	Graceful, Quick string // signal names; "": those of the dialect

	User    *proc.User
	Umask   int // -1: as the master's own
	Nice    *int
	Rlimits []proc.Rlimit

	LogPrefix bool   // "[NAME GENERATION.WORKER] " before every line of a worker
	LogFile   string // where the workers' lines go; "": the master's own stdout and stderr

	Seed uint64 // of the jitter between restarts
}

// DefaultKillTimeout is how long a worker has after the quick word.
const DefaultKillTimeout = 5 * time.Second

// What an Order may ask.
const (
	DoScale  = "scale"  // to Order.N workers
	DoQuit   = "quit"   // let all finish, then leave
	DoStop   = "stop"   // leave quickly
	DoReopen = "reopen" // open log files again
	DoSignal = "signal" // Order.Signal to every worker
	DoCheck  = "check"  // report the state, changed or not

	// To a foreign master only (package foreign), which counts its own workers.
	DoNudge = "nudge" // Order.N workers more, fewer when negative
	DoCount = "count" // Order.N workers
	// DoRestore brings back workers, up to Order.N, that were sent away for a successor
	// which did not make it.
	DoRestore = "restore"
)

// Order is what the herder asks of a master.
type Order struct {
	Do     string
	N      int    `json:",omitempty"`
	Signal string `json:",omitempty"`
}

// Kinds of Report.
const (
	ReportState  = "state"  // State is what is
	ReportFailed = "failed" // the generation never was whole and cannot become so: Reason, Tail
	ReportAsked  = "asked"  // somebody sent the signal Asked ("QUIT") to the master
	ReportNote   = "note"   // Reason is a decision worth a line in the log, of worker Worker
	ReportWarn   = "warn"   // Reason is something that somebody has to mend
	ReportTail   = "tail"   // Tail is what worker Worker, which boots, wrote last: the only reason there is when nothing fails but time passes
	ReportMaster = "master" // the process PID, started at Start, is the master: a server made it itself (package foreign)
	ReportExtend = "extend" // a worker that boots asks for Extend from now on (EXTEND_TIMEOUT_USEC)
)

// Report is what a master tells the herder.
type Report struct {
	Kind   string
	State  *State   `json:",omitempty"`
	Reason string   `json:",omitempty"`
	Worker int      `json:",omitempty"`
	Tail   []string `json:",omitempty"` // the last lines that the worker wrote to its stderr
	Asked  string   `json:",omitempty"`
	Extend Duration `json:",omitempty"`
	PID    int      `json:",omitempty"`
	Start  uint64   `json:",omitempty"`
}

// State is a generation as its master sees it.
type State struct {
	Target  int
	Up      int  // workers that serve and are to stay
	Whole   bool // all of the target was up at once, at some time
	Leaving bool // the master will leave when its workers have
	Workers []Worker
}

// Worker is one slot that is taken.
type Worker struct {
	ID       int
	PID      int       // 0: no process, it is being started or waits
	Start    uint64    // with PID, names the process for good
	State    string    // booting, up, leaving, … as package pool calls its phases
	Since    time.Time // when State began
	Restarts int
	Status   string `json:",omitempty"` // what the worker says of itself (STATUS=)
	Last     string `json:",omitempty"` // how the worker before it ended
}
