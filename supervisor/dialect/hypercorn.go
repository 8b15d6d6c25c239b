package dialect

// hypercorn's signals are those of run.py and asyncio/run.py (0.13): INT and
// TERM are the same.
var hypercorn = Row{
	Name: "hypercorn", About: "ASGI server for Python, HTTP/2 and HTTP/3",
	Programs: []string{"hypercorn"}, Modules: []string{"hypercorn"},
	Kind: Pool, Alone: Pool, Binds: true,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited, Many: []string{"-w", "--workers"},
	Clean: []string{"exit 0"},
	Traps: []string{
		"Write --bind fd://{fd:NAME}: it knows no variable.",
		"Its --graceful-timeout is 3 s unless you set it; what takes longer is cut off.",
		"HUP and USR1 kill it. With --workers, a program that cannot be loaded ends it with exit status 0.",
		"With --workers it is herded as a master of its own (fresh).",
	},
}
