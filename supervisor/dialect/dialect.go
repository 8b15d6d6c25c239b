package dialect

// Kind says who the master of a generation is.
type Kind uint8

// The kinds.
const (
	Pool   Kind = iota // herder's own native master, with N copies of a command
	Fresh              // the server's own master, started beside the old one
	Reexec             // the server's own master, which binds and starts its successor itself
)

var kindNames = [...]string{"pool", "fresh", "reexec"}

func (k Kind) String() string { return kindNames[k] }

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return Pool, false
}

// Verb is what a process is asked, whatever the server calls it.
type Verb uint8

// The verbs.
const (
	Graceful Verb = iota // finish what is in hand, then leave
	Quick                // leave now
	Reopen               // open the log files again
	Abort                // dump core
	Grow                 // one worker more
	Shrink               // one worker fewer
	Drain                // all workers finish and leave, the master stays
	Revive               // the workers that were drained come back
	Renew                // bind nothing, start the next master (kind reexec)
	verbs
)

var verbNames = [verbs]string{"graceful", "quick", "reopen", "abort", "grow", "shrink", "drain", "revive", "renew"}

func (v Verb) String() string { return verbNames[v] }

// Verbs are all verbs.
func Verbs() []Verb {
	all := make([]Verb, verbs)
	for i := range all {
		all[i] = Verb(i)
	}
	return all
}

// Means are the ways by which a server finds the sockets it is given.
type Means uint8

// The means; a server is told by all of its row's, and no others.
const (
	Listen        Means = 1 << iota // LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES (sd_listen_fds(3))
	Einhorn                         // EINHORN_FD_COUNT, EINHORN_FD_n, EINHORN_FDS
	ServerStarter                   // SERVER_STARTER_PORT, SERVER_STARTER_GENERATION
	Unicorn                         // UNICORN_FD=3,4
	FPM                             // FPM_SOCKETS=ADDRESS=3,…
	Nginx                           // NGINX=3;4;
)

// Wait is how the flag O_NONBLOCK of a listener must be. It belongs to the open
// file description, which herder and all generations share.
type Wait uint8

// The ways.
const (
	Either      Wait = iota // the server sets it, or does not care
	Blocking                // must be clear
	NonBlocking             // must be set
)

var waitNames = [...]string{"either", "blocking", "nonblocking"}

func (w Wait) String() string { return waitNames[w] }

// Naming is how the pid files of two masters are called while both live.
type Naming uint8

// The namings.
const (
	Unnamed Naming = iota // the server writes no pid file by itself, or only one
	Oldbin                // the old one's becomes FILE.oldbin, the new one writes FILE (unicorn, nginx, gunicorn before 19.6)
	Dot2                  // the old one keeps FILE, the new one writes FILE.2 until the old is gone (gunicorn since 19.6)
)

var namings = [...]string{"none", "FILE.oldbin", "FILE.2 (before 19.6 FILE.oldbin)"}

func (n Naming) String() string { return namings[n] }

// Row is one server's dialect.
type Row struct {
	Name     string
	About    string   // in a few words
	Programs []string // names of the executable, without a folder
	Modules  []string // names after python -m

	Kind  Kind // how it is herded when herder has the listeners, or when there are none at all
	Alone Kind // how it is herded when it binds by itself: its own re-exec where it has one
	Binds bool // what it is not given it binds by itself, where nobody else may be (haproxy lets others in)

	Says  [verbs]string // signal names without SIG; "": the server does not know the verb
	Means Means
	Wait  Wait
	// PublicName: a unix listener must be bound at the very path that its users
	// connect to, because the server compares the name of what it was given with
	// its own configuration, and binds (and unlinks) anew where they differ.
	PublicName bool
	// Unlinks: it removes the path of a unix listener when it leaves.
	Unlinks bool
	// EarlyReady: its READY=1 comes before a worker serves, and is not believed.
	EarlyReady bool
	// SaysReady: where there is no listener to look at, its READY=1 is waited for: to
	// live for a while says nothing of a server that takes as long to load.
	SaysReady bool
	// LogsToStdout: it does not say on stderr why it fails.
	LogsToStdout bool
	// Many are the flags by which it becomes a master of its own, with their number
	// of workers, where it is none without: its kind is fresh then.
	Many []string
	// Args are added to the command, unless they are there.
	Args []string
	// Beside are words that let a fresh master start beside the old one. They win
	// over what the command or a configuration says, and stand at its end.
	Beside []string
	// Daemon are the words in its command line by which it leaves the foreground;
	// DaemonMeans is then instead of Means, where it is not 0.
	Daemon      []string
	DaemonMeans Means
	// ByNumber is how its command line names sockets by their numbers. It is then
	// told of them by nothing else: it would take them twice.
	ByNumber string

	Pidfiles Naming
	Clean    []string // how its master ends when all is well after the graceful verb: "exit 0", "killed by SIGTERM"
	Scrub    []string // environment variables that must not reach it, beside those of Private
	Traps    []string // what somebody who runs it should know, a sentence each
}

// Find returns a server's row.
func Find(name string) (Row, bool) {
	for _, r := range rows {
		if r.Name == name {
			return r, true
		}
	}
	return Row{}, false
}

// Spelling are all verbs that the server knows, by name.
func (r Row) Spelling() map[string]string {
	says := map[string]string{}
	for v, s := range r.Says {
		if s != "" {
			says[Verb(v).String()] = s
		}
	}
	return says
}

// With returns the row with its graceful and quick signals replaced, where they
// are not "".
func (r Row) With(graceful, quick string) Row {
	if graceful != "" {
		r.Says[Graceful] = graceful
	}
	if quick != "" {
		r.Says[Quick] = quick
	}
	return r
}
