package control

import "time"

const (
	// Version is the version of the protocol, field "v" of every request.
	Version = 1
	// MaxLine is the longest request in bytes, with its newline.
	MaxLine = 64 << 10
	// MaxReply is the longest reply in bytes, with its newline: a status names
	// every worker, so it may be longer than a request.
	MaxReply = 1 << 20
)

// What a request may ask for, field "do".
const (
	DoStatus  = "status"  // a Status
	DoUpgrade = "upgrade" // waits for the Verdict
	DoStop    = "stop"    // waits until the herd has gone; Now: quick
	DoScale   = "scale"   // Arg: N, +N or -N workers
	DoSignal  = "signal"  // Arg: a signal's name; To: workers, master or old
	DoReady   = "ready"   // Code 0 only when a generation serves
	DoDoctor  = "doctor"  // a Diagnosis; Code 0 only when nothing is wrong
)

// Codes of a Reply, which are the exit codes of the command line.
const (
	OK           = 0   // done
	Failed       = 1   // an upgrade was rolled back; anything else that failed
	StatusDown   = 3   // status: nothing runs
	NoPermission = 4   // not allowed to talk to the herder
	NoSuch       = 5   // no such worker, generation or listener
	NotRunning   = 7   // there is no herder to talk to
	Usage        = 64  // the request makes no sense
	Internal     = 70  // the herder is at fault
	Busy         = 75  // another upgrade runs, or too many clients
	Refused      = 78  // preflight refused the upgrade; nothing has changed
	TimedOut     = 124 // the request's timeout passed; what it asked for goes on
)

// A Request is what a client asks for, once per connection.
type Request struct {
	V       int    `json:"v"`                 // Version
	Do      string `json:"do"`                // one of the Do constants
	Arg     string `json:"arg,omitempty"`     // what Do takes
	To      string `json:"to,omitempty"`      // signal: workers, master, old
	Now     bool   `json:"now,omitempty"`     // stop: quick
	Timeout string `json:"timeout,omitempty"` // how long the client waits, as in Go ("90s"); empty: without end
}

// A Reply answers a Request.
type Reply struct {
	Code      int        `json:"code"`
	Error     string     `json:"error,omitempty"` // one line; set when Code is not 0
	Note      string     `json:"note,omitempty"`  // one line for people when all went well
	Status    *Status    `json:"status,omitempty"`
	Verdict   *Verdict   `json:"verdict,omitempty"`
	Diagnosis *Diagnosis `json:"diagnosis,omitempty"`
}

// A Status is the state of the herd at one moment. Its keys are stable: they
// are never renamed or removed, only added. Times are RFC 3339, spans seconds.
type Status struct {
	Name        string       `json:"name"`
	PID         int          `json:"pid"`       // the herder's
	State       string       `json:"state"`     // starting, serving, upgrading, stopping, backoff, failed, …
	Serving     *Generation  `json:"serving"`   // null: none serves
	Successor   *Generation  `json:"successor"` // null: no upgrade runs
	Retiring    []Generation `json:"retiring"`
	Listeners   []Listener   `json:"listeners"`
	LastUpgrade *Verdict     `json:"last_upgrade"` // null: there was none
	NextStart   *NextStart   `json:"next_start"`   // null: the state is not backoff
}

// A NextStart is what a herd waits for after a start that failed.
type NextStart struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // why the last start failed
	Tries  int       `json:"tries"`  // starts that failed since a generation last settled
}

// A Generation is one master with its workers.
type Generation struct {
	Generation int      `json:"generation"`
	Master     *Master  `json:"master"` // null: it died, its workers serve on
	Workers    []Worker `json:"workers"`
	Want       int      `json:"want"` // the number of workers it should have
}

// A Master is the process that owns workers.
type Master struct {
	PID   int       `json:"pid"`
	Start time.Time `json:"start"`
}

// A Worker is one process that answers requests.
type Worker struct {
	ID       int       `json:"id"` // the slot, HERDER_WORKER
	PID      int       `json:"pid"`
	State    string    `json:"state"` // booting, up, leaving, waiting, … as package pool calls its phases
	Since    time.Time `json:"since"` // when it came to be in State
	Restarts int       `json:"restarts"`
}

// A Listener is one socket of the herd.
type Listener struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Network string `json:"network"` // tcp, udp, unix, unixgram
	Queued  int    `json:"queued"`  // connections no worker has accepted yet; of udp and unixgram: bytes none has read
	Backlog int    `json:"backlog"` // how many may queue
}

// Verdicts of an upgrade.
const (
	Upgraded   = "upgraded"
	RolledBack = "rolled back"
	NotTried   = "refused"
)

// A Verdict is how an upgrade ended.
type Verdict struct {
	Verdict string   `json:"verdict"` // upgraded, rolled back, refused
	Reason  string   `json:"reason"`
	From    int      `json:"from"` // the generation that served before
	To      int      `json:"to"`   // the one that was to follow it
	Seconds float64  `json:"seconds"`
	Serves  int      `json:"serves,omitempty"` // the generation that served after; 0: none, for the one before was gone
	Tail    []string `json:"tail,omitempty"`   // the last lines the failed generation wrote to stderr
}

// Levels of a finding.
const (
	FoundOK    = "ok"
	FoundWarn  = "warn"
	FoundWrong = "wrong"
)

// A Diagnosis is what herder found when it looked at its herd. Its keys are as
// stable as those of a [Status].
type Diagnosis struct {
	Name     string    `json:"name"`
	PID      int       `json:"pid"` // the herder's
	Findings []Finding `json:"findings"`
}

// A Finding is what one check found.
type Finding struct {
	Level  string `json:"level"`  // ok, warn, wrong
	Check  string `json:"check"`  // socket, backlog, wrapper, … as package doctor calls its checks
	Detail string `json:"detail"` // one line
	Do     string `json:"do"`     // what to do about it; empty when it is ok
}

// fill turns absent lists into empty ones: a script may count on a list.
func (s *Status) fill() {
	if s.Retiring == nil {
		s.Retiring = []Generation{}
	}
	if s.Listeners == nil {
		s.Listeners = []Listener{}
	}
	for i := range s.Retiring {
		s.Retiring[i].fill()
	}
	for _, g := range []*Generation{s.Serving, s.Successor} {
		if g != nil {
			g.fill()
		}
	}
}

func (g *Generation) fill() {
	if g.Workers == nil {
		g.Workers = []Worker{}
	}
}
