package dialect

// starlet's signals are those of Plack/Handler/Starlet.pm (0.31): TERM ends it
// gracefully, USR1 slowly, one worker after the other; HUP replaces its workers.
// INT, which it does not know, kills its master alone.
var starlet = Row{
	Name: "starlet", About: "PSGI server for Perl, a process per request",
	Kind: Fresh, Alone: Fresh, Binds: true,
	Says: [verbs]string{Graceful: "TERM", Quick: "INT"},
	// With O_NONBLOCK it serves and never waits in accept, so it is not seen to be
	// ready (seen with 0.31).
	Wait:  Blocking,
	Means: ServerStarter, Daemon: []string{"-D", "--daemonize"},
	Clean: []string{"exit 0"},
	Traps: []string{
		"It is found by plackup -s Starlet; the listener replaces --port and --listen.",
		"QUIT and INT kill its master alone, and its workers serve on; herder ends them.",
		"With -L Delayed a program that cannot be loaded is not seen to have failed before ready_timeout.",
	},
}
