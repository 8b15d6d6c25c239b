package dialect

// haproxy's signals are those of its doc/management.txt, section 4.
var haproxy = Row{
	Name: "haproxy", About: "proxy for HTTP and TCP",
	Programs: []string{"haproxy"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "USR1", Quick: "TERM"},
	Means: inherited, Daemon: []string{"-D"},
	Clean: []string{"exit status 0"},
	Traps: []string{
		"It takes a socket by `bind fd@3` in its configuration; it knows no variable.",
		"Set hard-stop-after, for without it one client that stays connected keeps the old generation until stop_timeout.",
		"A stats socket of its configuration is bound by each generation anew.",
	},
}
