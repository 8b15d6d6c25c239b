package dialect

// puma's signals are those of its docs/signals.md and launcher.rb (5.6). USR1
// (phased restart) and USR2 (re-exec in place) are not used: the pid of a
// generation must be its own. INT drains as TERM does, so there is no quick word
// but KILL, after which its workers leave by themselves (seen with 5.6.5).
var puma = Row{
	Name: "puma", About: "Rack server for Ruby, threads in one or several processes",
	Programs: []string{"puma"},
	Kind:     Fresh, Alone: Fresh, Binds: true,
	Says:  [verbs]string{Graceful: "TERM", Quick: "KILL", Grow: "TTIN", Shrink: "TTOU"},
	Means: Listen, Daemon: []string{"-d", "--daemon"},
	// binder.rb compares the binds with getsockname, and unlinks the path where
	// none fits (seen with 5.6.5).
	PublicName: true,
	// It raises SIGTERM again after all is finished (raise_exception_on_sigterm).
	Clean: []string{"exit 0", "killed by SIGTERM"},
	Scrub: []string{"PUMA_INHERIT_0"},
	Traps: []string{
		"Its binds must be the listener's addresses word for word; --bind-to-activated-sockets only makes it take what it is given and nothing else.",
		"HUP ends it, unless stdout_redirect is set; so herder does not ask it to reopen its logs.",
		"With pidfile set, the old master removes the file of the new one when it leaves; set herder's pidfile instead.",
		"In cluster mode without preload_app! workers that fail to load are tried again for ever; only ready_timeout ends that.",
		"TTIN and TTOU work in cluster mode only (workers 1 or more).",
		"It ends as \"killed by TERM\" after a perfect shutdown; herder counts that as clean.",
	},
}
