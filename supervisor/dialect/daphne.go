package dialect

// daphne runs in Twisted's reactor, whose handlers for INT and TERM stop the
// reactor at once (seen with 4.0.0: a request in flight was lost on TERM).
var daphne = Row{
	Name: "daphne", About: "ASGI server for Python (Django Channels)",
	Programs: []string{"daphne"}, Modules: []string{"daphne"},
	Kind: Pool, Alone: Pool, Binds: true,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited,
	Clean: []string{"exit 0", "killed by SIGTERM"},
	Traps: []string{
		"Write --fd {fd:NAME}: it knows no variable.",
		"It cannot finish: on TERM it drops the requests it has in hand and those that still come, so an upgrade may lose some. No other signal is better.",
		"Version 4.0.0 cannot be given a unix socket: no request is ever answered.",
	},
}
