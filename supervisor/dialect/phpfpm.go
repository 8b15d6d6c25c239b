package dialect

// phpFPM's signals are those of php-fpm(8). USR2 re-executes it in place and is
// not used: the pid of a generation must be its own.
var phpFPM = Row{
	Name: "php-fpm", About: "FastCGI server for PHP",
	Programs: []string{"php-fpm"},
	Kind:     Fresh, Alone: Fresh, Binds: true,
	Says:  [verbs]string{Graceful: "QUIT", Quick: "TERM", Reopen: "USR1"},
	Means: FPM, Daemon: []string{"-D", "--daemonize"},
	// Its workers leave when accept says EAGAIN, and requests are answered all the
	// same (seen with 8.2: 50 exits a second).
	Wait:    Blocking,
	Unlinks: true,
	Args:    []string{"--nodaemonize"},
	Clean:   []string{"exit 0"},
	Scrub:   []string{"FPM_SOCKETS"},
	Traps: []string{
		"The listener must have the address that `listen` of the pool means: 127.0.0.1:9000 for localhost:9000, [::]:9000 for 9000. Another one it binds by itself.",
		"Set process_control_timeout, for without it QUIT cuts off what is in hand.",
		"It removes the path of a unix socket when it stops; herder puts it back, but who connects in that moment finds none. Run it as a user (herder's user = …) who may not write in the folder of the socket, or on an address of loopback.",
		"Variables reach the code only with clear_env = no.",
		"With `pid` in its configuration, the old master removes the file of the new one when it leaves; set herder's pidfile instead.",
		"When its master is killed, its workers serve on for ever; herder ends them.",
		"HUP and USR2 re-execute it in place, and it keeps its sockets.",
	},
}
