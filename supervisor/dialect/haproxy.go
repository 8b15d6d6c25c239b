package dialect

// haproxy's signals are those of its doc/management.txt, section 4. TTOU and TTIN
// pause and resume it there, so there is no Grow and no Shrink.
var haproxy = Row{
	Name: "haproxy", About: "proxy for HTTP and TCP",
	Programs: []string{"haproxy"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "USR1", Quick: "TERM"},
	Means: inherited, Daemon: []string{"-D"},
	Clean: []string{"exit 0"},
	Traps: []string{
		"It takes a socket by `bind fd@3` in its configuration; it knows no variable.",
		"Set hard-stop-after, for without it one client that stays connected keeps the old generation until stop_timeout.",
		"With -W or -Ws it ends when a worker of it does, and herder starts it again; TTOU pauses it.",
		"A stats socket of its configuration is bound by each generation anew.",
	},
}
