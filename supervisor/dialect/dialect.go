package dialect

// Kind says who the master of a generation is.
type Kind uint8

// The kinds.
const (
	Pool   Kind = iota // herder's own native master, with N copies of a command
	Fresh              // the server's own master, started beside the old one
	Reexec             // the server's own master, which starts its successor itself
)

// Verb is what a process is asked, whatever the server calls it.
type Verb uint8

// The verbs.
const (
	Graceful Verb = iota // finish what is in hand, then leave
	Quick                // leave now
	Reopen               // open the log files again
	Abort                // dump core
	verbs
)

// Row is one server's dialect.
type Row struct {
	Name  string
	Kind  Kind
	Says  [verbs]string // signal names without SIG; "": the server does not know the verb
	Scrub []string      // environment variables that must not reach it, beside those of Private
}

var rows = []Row{
	// Any program that serves on an inherited socket. USR1 is not said to it: it
	// ends a program that does not know it (signal(7)).
	{Name: "command", Kind: Pool, Says: [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"}},
}

// Find returns a server's row.
func Find(name string) (Row, bool) {
	for _, r := range rows {
		if r.Name == name {
			return r, true
		}
	}
	return Row{}, false
}

// With returns the row with its graceful and quick signals replaced, where they
// are not "".
func (r Row) With(graceful, quick string) Row {
	if graceful != "" {
		r.Says[Graceful] = graceful
	}
	if quick != "" {
		r.Says[Quick] = quick
	}
	return r
}
