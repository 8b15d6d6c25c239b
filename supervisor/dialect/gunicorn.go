package dialect

// gunicorn's signals are those of its docs/source/signals.rst and of
// Arbiter.handle_* (20.1): TERM and QUIT are the other way round than unicorn's.
//
// Arbiter.start sends READY=1 before a worker is forked (seen with 20.1.0: too
// early by as long as the application takes to load, and before it fails to).
var gunicorn = Row{
	Name: "gunicorn", About: "WSGI server for Python",
	Programs: []string{"gunicorn", "gunicorn3", "gunicorn_django", "gunicorn_paster"},
	Modules:  []string{"gunicorn", "gunicorn.app.wsgiapp"},
	Kind:     Fresh, Alone: Reexec, Binds: true,
	Says: [verbs]string{
		Graceful: "TERM", Quick: "QUIT", Reopen: "USR1", Abort: "ABRT", Grow: "TTIN", Shrink: "TTOU",
		Drain: "WINCH", Revive: "HUP", Renew: "USR2",
	},
	Means: Listen, Daemon: []string{"-D", "--daemon"},
	EarlyReady: true,
	// It closes each descriptor when it has taken it, and the second time dies of
	// "Bad file descriptor" (sock.py).
	ByNumber: "fd://",
	// With a pid file a second one does not start: "Already running on PID". The
	// command line wins over its configuration, also where that names one (seen
	// with 20.1.0).
	Beside:   []string{"--pid", ""},
	Pidfiles: Dot2, // before 19.6: Oldbin
	Clean:    []string{"exit 0"},
	// With GUNICORN_PID it takes itself for the successor of that master.
	Scrub: []string{"GUNICORN_PID", "GUNICORN_FD", "SERVER_SOFTWARE"},
	Traps: []string{
		"QUIT is its quick end and TERM its graceful one: the opposite of unicorn.",
		"Its bind counts for nothing when it is given sockets, but for fd://3. On the command line that is instead of LISTEN_FDS, also behind a wrapper that forks; in its configuration file or GUNICORN_CMD_ARGS herder does not see it, and it dies of \"Bad file descriptor\".",
		"As fresh master it writes no pid file, for a second one would not start beside it; set herder's pidfile instead.",
		"WINCH is ignored unless it is daemonised.",
		"TTOU stops at one worker.",
		"When its master is killed, idle sync workers serve on for up to 15 s; herder ends them.",
		"Its graceful end takes graceful_timeout at most, 30 s by default; stop_timeout should be longer.",
		"Its own USR2 gives its successor wrong descriptors when it has its sockets from LISTEN_FDS; herder does not use it then.",
	},
}
