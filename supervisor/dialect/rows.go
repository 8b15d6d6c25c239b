package dialect

// rows are all dialects, in the order in which they are shown; "command" is for
// everything that none of the others is.
var rows = []Row{
	command, unicorn, unicornRails, gunicorn, puma, uvicorn, hypercorn, daphne, waitress, uwsgi, phpFPM, nginx, haproxy,
	starlet, starman, node, sidekiq,
}

// Rows are all dialects.
func Rows() []Row { return append([]Row(nil), rows...) }

// Names are those of all dialects.
func Names() []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return names
}

// inherited are the means of a program nobody knows: all that programs of any
// kind look for and that no program is disturbed by.
const inherited = Listen | Einhorn | ServerStarter

// command is any program that serves on an inherited socket. USR1 is not said to
// it: it ends a program that does not know it (signal(7)).
var command = Row{
	Name: "command", About: "any program that serves on an inherited socket",
	Kind: Pool, Alone: Pool,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited,
	Clean: []string{"exit 0", "killed by SIGTERM"},
}
