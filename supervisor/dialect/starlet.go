package dialect

// starlet's signals are those of Plack/Handler/Starlet.pm (0.31): TERM and HUP
// end it gracefully, USR1 slowly, one worker after the other.
var starlet = Row{
	Name: "starlet", About: "PSGI server for Perl, a process per request",
	Kind: Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT"},
	Means: ServerStarter, Daemon: []string{"-D", "--daemonize"},
	Clean: []string{"exit status 0"},
	Traps: []string{
		"It is found by plackup -s Starlet; the listener replaces --port and --listen.",
		"INT kills its master alone; herder then ends the workers it has left.",
	},
}
