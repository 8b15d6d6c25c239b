package dialect

// uwsgi's signals are those of its docs/Management.rst: HUP is a graceful reload,
// which --exit-on-reload turns into a graceful end. With that option TERM is a
// quick end, without it a brutal reload (seen with 2.0.21).
var uwsgi = Row{
	Name: "uwsgi", About: "WSGI, Rack and PSGI server",
	Programs: []string{"uwsgi", "uwsgi-core", "uwsgi_python", "uwsgi_rack_ruby", "uwsgi_psgi"},
	Kind:     Fresh, Alone: Fresh, Binds: true,
	Says:  [verbs]string{Graceful: "HUP", Quick: "INT"},
	Means: Listen, Daemon: []string{"-d", "--daemonize", "--daemonize2"},
	Args: []string{"--exit-on-reload"},
	// With --lazy-apps it says READY=1 before it loads the application.
	EarlyReady: true,
	Clean:      []string{"exit 0"},
	Traps: []string{
		"Without --need-app it serves errors when the application cannot be loaded, and looks ready.",
		"Without --master nothing finishes on HUP.",
		"USR2 kills it; it takes no TTIN and TTOU.",
		"It leaves a second after it was told to, also when it has nothing in hand.",
		"It reopens logs by its own means only (touch-logreopen, the master fifo), so herder does not ask for it.",
		"For HTTP write http-socket = fd://3: with an address there, the socket it is given speaks the uwsgi protocol, and every request hangs although it looks ready.",
	},
}
