package dialect

// rows are all dialects; "command" is for everything that none of the others is.
var rows = []Row{command}

// command is any program that serves on an inherited socket. USR1 is not said to
// it: it ends a program that does not know it (signal(7)).
var command = Row{
	Name: "command", About: "any program that serves on an inherited socket",
	Kind: Pool, Alone: Pool,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: Listen | Einhorn | ServerStarter,
	Clean: []string{"exit status 0", "signal TERM"},
}
