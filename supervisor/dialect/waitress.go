package dialect

// waitress handles no signal: INT is Python's KeyboardInterrupt, which its
// server loop takes as the word to finish; TERM kills it (seen with 2.1.2).
var waitress = Row{
	Name: "waitress", About: "WSGI server for Python, threads in one process",
	Programs: []string{"waitress-serve"}, Modules: []string{"waitress"},
	Kind: Pool, Alone: Pool, Binds: true,
	Says:  [verbs]string{Graceful: "INT", Quick: "TERM", Abort: "ABRT"},
	Means: inherited,
	Clean: []string{"exit 0", "killed by SIGTERM", "signal INT"},
	Traps: []string{
		"waitress-serve cannot be given a socket: call serve(app, sockets=[socket.socket(fileno=3)]) in a program of your own, and say dialect = \"waitress\".",
		"TERM kills it with what it has in hand; INT lets it finish.",
	},
}
