package dialect

// uvicorn's signals are those of server.py (0.17): HANDLED_SIGNALS is INT and
// TERM; all others end it. Newer parents know HUP, TTIN and TTOU
// (supervisors/multiprocess.py, 0.30), older ones die of them.
var uvicorn = Row{
	Name: "uvicorn", About: "ASGI server for Python",
	Programs: []string{"uvicorn"}, Modules: []string{"uvicorn"},
	Kind: Pool, Alone: Pool, Binds: true,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited, Many: []string{"--workers"},
	Clean: []string{"exit 0", "killed by SIGTERM"}, // since 0.29 it raises the signal again
	Traps: []string{
		"Write --fd {fd:NAME}: it knows no variable.",
		"QUIT, HUP and USR1 kill it, with what it has in hand (before 0.30 also with --workers).",
		"With --workers, a program that cannot be loaded leaves a parent without workers; only ready_timeout ends that.",
		"Set --timeout-graceful-shutdown, for without it a client that stays connected keeps it until stop_timeout.",
		"With --workers it is a master of its own, and herded as one (fresh).",
	},
}
