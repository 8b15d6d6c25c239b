package dialect

// starman's signals are those of starman(1), section SIGNALS.
var starman = Row{
	Name: "starman", About: "PSGI server for Perl, preforking",
	Programs: []string{"starman"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "QUIT", Quick: "TERM", Grow: "TTIN", Shrink: "TTOU"},
	Means: ServerStarter, Daemon: []string{"-D", "--daemonize"},
	// "Accept failed … tries left" otherwise, and a request lost on QUIT (seen
	// with 0.4016).
	Wait:  Blocking,
	Clean: []string{"exit status 0"},
	Traps: []string{
		"TERM kills what is in hand; QUIT lets it finish.",
		"Version 0.4016 cannot be given a unix socket.",
	},
}
