package dialect

// nginx's signals are those of nginx(8). With NGINX in its environment it takes
// the sockets and does not daemonise (src/core/nginx.c, ngx_inherited; seen with
// 1.22.1). USR2 it refuses then.
var nginx = Row{
	Name: "nginx", About: "web server and proxy",
	Programs: []string{"nginx", "openresty"},
	Kind:     Fresh, Alone: Reexec, Binds: true,
	Says: [verbs]string{
		Graceful: "QUIT", Quick: "TERM", Reopen: "USR1", Drain: "WINCH", Revive: "HUP", Renew: "USR2",
	},
	Means: Nginx, Daemon: []string{"daemon on;"},
	// It expects the flag on what it inherits and does not set it (seen with
	// 1.22: with multi_accept on every request timed out).
	Wait:       NonBlocking,
	PublicName: true, // ngx_set_inherited_sockets asks getsockname, ngx_cmp_sockaddr compares the paths
	Pidfiles:   Oldbin,
	Clean:      []string{"exit 0"},
	Scrub:      []string{"NGINX", "NGINX_BPID"},
	Traps: []string{
		"Each `listen` must be the address of a listener, or nginx binds it by itself; a listener without a `listen` is closed.",
		"With the same `pid` in its configuration, the old master removes the file of the new one when it leaves; set herder's pidfile instead.",
		"Idle keep-alive connections are closed on QUIT without an answer, as always with nginx.",
		"It starts a successor only if it is a daemon (not with `daemon off`), and by its own first word: as kind reexec write /usr/sbin/nginx.",
		"When its master is killed, its workers stay for ever; herder ends them.",
	},
}
