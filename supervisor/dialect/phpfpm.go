package dialect

// phpFPM's signals are those of php-fpm(8). USR2 re-executes it in place and is
// not used: the pid of a generation must be its own.
var phpFPM = Row{
	Name: "php-fpm", About: "FastCGI server for PHP",
	Programs: []string{"php-fpm"},
	Kind:     Fresh, Alone: Fresh,
	Says:  [verbs]string{Graceful: "QUIT", Quick: "TERM", Reopen: "USR1"},
	Means: FPM, Daemon: []string{"-D", "--daemonize"},
	// Its workers leave when accept says EAGAIN (seen with 8.2: 89 exits in 2 s).
	Wait:  Blocking,
	Args:  []string{"--nodaemonize"},
	Clean: []string{"exit status 0"},
	Scrub: []string{"FPM_SOCKETS"},
	Traps: []string{
		"The listener must be written as `listen` of the pool is: the text is what php-fpm finds its socket by.",
		"Set process_control_timeout, for without it QUIT cuts off what takes longer than a moment.",
		"It removes the path of a unix socket when it stops; herder puts it back.",
		"Variables reach the code only with clear_env = no.",
		"A path for pid in its configuration is shared by both masters during an upgrade; leave it out.",
	},
}
