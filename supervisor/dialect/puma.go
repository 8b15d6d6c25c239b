package dialect

// puma's signals are those of its docs/signals.md and launcher.rb (5.6). USR1
// (phased restart) and USR2 (re-exec in place) are not used: the pid of a
// generation must be its own.
var puma = Row{
	Name: "puma", About: "Rack server for Ruby, threads in one or several processes",
	Programs: []string{"puma"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Grow: "TTIN", Shrink: "TTOU"},
	Means: Listen, Daemon: []string{"-d", "--daemon"},
	PublicName: true, // binder.rb compares the binds with getsockname, and unlinks the path where none fits
	// It raises SIGTERM again after all is finished (raise_exception_on_sigterm).
	Clean: []string{"exit status 0", "signal TERM"},
	Scrub: []string{"PUMA_INHERIT_0"},
	Traps: []string{
		"Its binds must be the listener's addresses word for word; --bind-to-activated-sockets only makes it take what it is given and nothing else.",
		"HUP ends it, unless stdout_redirect is set; so herder does not ask it to reopen its logs.",
		"TTIN and TTOU work in cluster mode only (workers 1 or more).",
		"It ends as \"killed by TERM\" after a perfect shutdown; herder counts that as clean.",
	},
}
