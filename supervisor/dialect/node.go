package dialect

// node has no signals of its own: what its program does not catch has the
// kernel's meaning (signal(7)), and USR1 starts the debugger (nodejs.org/api/process.html).
var node = Row{
	Name: "node", About: "a program for Node.js",
	Programs: []string{"node", "nodejs"},
	Kind:     Pool, Alone: Pool,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited,
	Clean: []string{"exit 0", "killed by SIGTERM"},
	Traps: []string{
		"Listen with server.listen({fd: 3}): node knows no variable.",
		"Without a handler TERM kills it with what it has in hand. server.close() alone never ends while clients keep connections busy: after TERM answer with Connection: close, too (contrib/servers/server.js).",
		"HUP and USR2 kill it, and USR1 opens the debugger, unless the program handles them.",
		"A program that uses the cluster module is a master of its own: say kind = \"fresh\".",
	},
}
