package dialect

// starman's signals are those of starman(1), section SIGNALS.
var starman = Row{
	Name: "starman", About: "PSGI server for Perl, preforking",
	Programs: []string{"starman"},
	Kind:     Fresh, Alone: Fresh, Binds: true,
	Says:  [verbs]string{Graceful: "QUIT", Quick: "TERM", Grow: "TTIN", Shrink: "TTOU"},
	Means: ServerStarter, Daemon: []string{"-D", "--daemonize"},
	// With O_NONBLOCK a request in flight never gets its answer after QUIT (seen
	// with 0.4016).
	Wait:  Blocking,
	Clean: []string{"exit 0"},
	Traps: []string{
		"TERM kills what is in hand; QUIT lets it finish.",
		"USR1 kills it.",
		"Version 0.4016 cannot be given a unix socket: its workers die on it again and again.",
		"Without --preload-app a program that cannot be loaded is tried again for ever; only ready_timeout ends that.",
	},
}
