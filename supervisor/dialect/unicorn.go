package dialect

import "slices"

// unicorn's signals are those of its own file SIGNALS. USR2 and WINCH have the
// meaning that nginx gave them; so do the pid files.
//
// A daemonising one is given UNICORN_FD instead of LISTEN_FDS, because with it the
// launcher does not fork (launcher.rb); else it would fork twice, and LISTEN_PID be
// wrong. All else is tried with 6.0.0.
var unicorn = Row{
	Name: "unicorn", About: "Rack server for Ruby, a process per request",
	Programs: []string{"unicorn"},
	Kind:     Fresh, Alone: Reexec, Binds: true,
	Says: [verbs]string{
		Graceful: "QUIT", Quick: "TERM", Reopen: "USR1", Abort: "ABRT", Grow: "TTIN", Shrink: "TTOU",
		Drain: "WINCH", Renew: "USR2", // revived by TTIN: a HUP closes a listener that its configuration does not name
	},
	Means: Listen, Daemon: []string{"-D", "--daemonize"}, DaemonMeans: Unicorn,
	PublicName: true, // http_server.rb compares `listen` with getsockname
	Pidfiles:   Oldbin,
	Clean:      []string{"exit 0"},
	Scrub:      []string{"UNICORN_FD"},
	Traps: []string{
		"Name the listener's address in its configuration or with -l, or a HUP makes it close the socket, and nobody answers.",
		"With `pid` in its configuration a second master refuses to start (\"Already running on PID\"); -P does not help.",
		"An application that fails to load without preload_app is tried again for ever, some 60 times a second; only ready_timeout ends that.",
		"Its pid file is written before the application is loaded, so it says nothing of being ready.",
		"TTOU goes down to no worker at all.",
		"WINCH is ignored while its standard input is a terminal; herder gives it /dev/null.",
		"A before_fork hook that sends QUIT to PID.oldbin is not needed under herder.",
	},
}

// unicornRails is unicorn with the options of an old Rails (unicorn_rails(1)). It is
// tried with Rails 6.1, which it runs by its config.ru.
var unicornRails = withTraps(like(unicorn, "unicorn_rails", "unicorn for Rails before 3", "unicorn_rails"),
	"-P is the path of URLs, not a pid file; -E sets RAILS_ENV.",
	"With -D it has tmp/pids/unicorn.pid, until a HUP, if its configuration names no other; so drop -D, or make that file herder's pidfile.",
)

func withTraps(r Row, more ...string) Row {
	r.Traps = slices.Concat(r.Traps, more)
	return r
}

// like is a server that speaks as another and has a name of its own.
func like(r Row, name, about string, programs ...string) Row {
	r.Name, r.About, r.Programs = name, about, programs
	return r
}
