package dialect

// uwsgi's signals are those of its docs/Management.rst (2.0): HUP is a graceful
// reload, which --exit-on-reload turns into a graceful end. TERM reloads brutally,
// and so loses the sockets; with --die-on-term it ends, quickly.
var uwsgi = Row{
	Name: "uwsgi", About: "WSGI, Rack and PSGI server",
	Programs: []string{"uwsgi", "uwsgi-core", "uwsgi_python", "uwsgi_rack_ruby", "uwsgi_psgi"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "HUP", Quick: "INT"},
	Means: Listen, Daemon: []string{"-d", "--daemonize", "--daemonize2"},
	Args:  []string{"--exit-on-reload"},
	Clean: []string{"exit status 0"},
	Traps: []string{
		"TERM makes version 2.0 start itself again, without its sockets; nobody but herder should send it signals.",
		"Without --master nothing finishes on HUP.",
		"It reopens logs by its own means only (touch-logreopen, the master fifo), so herder does not ask for it.",
		"A socket of its configuration that herder's listener is not for is bound by itself.",
	},
}
