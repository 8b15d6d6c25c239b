package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// Where each thing that herder is built around (what real servers do to their sockets, signals and files) is shown:
//
//  1. O_NONBLOCK is shared by all: TestServers, where gunicorn and uvicorn answer; handoff, "Trap 1".
//  2. Servers disagree about it: php-fpm, starman and starlet (blocking) and nginx with multi_accept (not) in TestServers;
//     php-fpm on the wrong one: traps_no_way.txtar.
//  3. LISTEN_PID is the server's own: unicorn, gunicorn and puma of kind fresh find their sockets in TestServers by it.
//  4. A wrong LISTEN_PID fails silently: took_elsewhere.txtar, with what such a server does.
//  5. Ways without a pid: uwsgi, uvicorn, hypercorn, daphne, node, haproxy, nginx, php-fpm, starlet, starman in TestServers; gunicorn,
//     unicorn and puma in traps_numbers.txtar.
//  6. A unix path is unlinked by php-fpm: its unix row in TestServers, and L9_unix_socket_removed.txtar; by gunicorn and puma:
//     traps_paths.txtar.
//  7. listen(2) called again: TestServers, where each row that herder has the listener of ends with the backlog that was asked for;
//     doctor_finds.txtar and the handoff tests see it mended.
//  8. READY=1 is not readiness: the broken release of gunicorn in TestServers, which says READY=1 and then dies.
//  9. QUIT and TERM mean opposite things: the stop with a request in flight, each row of TestServers.
//  10. Killed by the signal that was sent is clean: puma in TestServers, after whose stop herder ends with 0.
//  11. A wrapper that forks: traps_numbers.txtar. One that execs: W10_execs_another.txtar, W10_fresh_execs_another.txtar.
//  12. RLIMIT_NOFILE: gunicorn in traps_numbers.txtar. PDEATHSIG: the tests of supervisor/proc ("Trap 5"); herder gives none to a server.
//  13. No way to hand a socket over: php -S and waitress's own command in traps_no_way.txtar; waitress in TestServers, by
//     contrib/servers/serve.py.

// serverRow says how one server is run under herder, and what is known of it. The zero values are those of most.
type serverRow struct {
	server  string   // as the README calls it
	version string   // the command that says its version
	kind    string   // "": fresh
	command string   // @ is the address; its configuration is in contrib/servers
	flags   []string // of herder run, beside --bind
	edits   []edit   // its configuration names the address
	only    string   // "": tcp and unix; the one network it can be given
	front   bool     // it speaks FastCGI: nginx-php.conf is to be in front of it

	workers int    // that the status shows; 0: two
	noApp   string // the file to break instead of the app
	scale   string // why herder scale does nothing; "": it works
	// It logs a request after it has answered it, so what it has in hand may also be that.
	logsLate bool
	logs     bool // its log is what it writes, with other lines among it

	// What a stop costs although the server was told to finish, and why; "": nothing. Each client can lose one request.
	loses string
	// The same for a request in flight when herder stops.
	cuts string

	quick bool // it is run with the race detector too: one row of each kind
}

// serverBacklog is none that a server has by itself: 128, 511, 1024 and 2048 are those.
const serverBacklog = 333

// edit says how an address is written in a file, @ being the address.
type edit struct{ file, was, tcp, unix string }

var unicornEdits = []edit{{"unicorn.rb", "127.0.0.1:8080", "@", "@"}}
var twoWorkers = []string{"--workers", "2"}
var fpmEdits = []edit{{"php-fpm.conf", "127.0.0.1:9000", "@", "@"}, {"nginx-php.conf", "127.0.0.1:9000", "@", "unix:@"}}
var nginxEdits = []edit{{"nginx.conf", "127.0.0.1:8080", "@", "unix:@"}}
var pumaEdits = []edit{{"puma.rb", "tcp://127.0.0.1:8080", "tcp://@", "unix://@"}}

// Why things are not as one would wish.
const (
	noSuch    = "no signal for it"
	dropsAll  = "on TERM it drops what it has in hand"
	afterward = "a worker that leaves may close a connection whose request it has not read yet"
)

var serverRows = []serverRow{
	{server: "unicorn", version: "unicorn --version", command: "unicorn -E none -c unicorn.rb config.ru",
		flags: []string{"--pidfile", "tmp/pids/unicorn.pid"}, edits: unicornEdits, quick: true},
	{server: "unicorn", version: "unicorn --version", kind: "reexec", command: "unicorn -E none -c unicorn.rb config.ru",
		flags: []string{"--pidfile", "tmp/pids/unicorn.pid"}, edits: unicornEdits, quick: true},
	{server: "gunicorn sync", version: "gunicorn --version", command: "gunicorn app:application"},
	{server: "gunicorn sync", version: "gunicorn --version", kind: "reexec", command: "gunicorn -b @ -p gunicorn.pid app:application",
		flags: []string{"--pidfile", "gunicorn.pid"}},
	// Its sockets are the same with every class of workers: sync shows the unix one.
	{server: "gunicorn gthread", version: "gunicorn --version", command: "gunicorn -k gthread --threads 2 app:application", only: "tcp"},
	{server: "gunicorn gevent", version: "gunicorn --version", command: "gunicorn -k gevent app:application", only: "tcp"},
	{server: "puma single", version: "puma --version", command: "puma -C puma.rb -w 0", edits: pumaEdits, workers: 1, scale: noSuch, loses: afterward},
	{server: "puma cluster", version: "puma --version", command: "puma -C puma.rb", edits: pumaEdits, loses: afterward},
	{server: "uwsgi", version: "uwsgi --version", command: "uwsgi --ini uwsgi.ini", scale: noSuch},
	{server: "uvicorn", version: "uvicorn --version", kind: "pool", command: "uvicorn --fd 3 asgi:application", flags: twoWorkers, loses: afterward},
	{server: "hypercorn", version: "dpkg-query -W python3-hypercorn", kind: "pool", command: "hypercorn --bind fd://3 asgi:application",
		flags: twoWorkers, loses: afterward},
	{server: "daphne", version: "dpkg-query -W daphne", kind: "pool", command: "daphne --fd 3 asgi:application", flags: twoWorkers,
		only: "tcp", loses: dropsAll, cuts: dropsAll},
	// Debian's module, whichever python3 comes first on the PATH.
	{server: "waitress", version: "dpkg-query -W python3-waitress", kind: "pool", command: "/usr/bin/python3 serve.py",
		flags: []string{"--dialect", "waitress", "--workers", "2"}, loses: afterward},
	{server: "node", version: "node --version", kind: "pool", command: "node server.js", flags: twoWorkers, quick: true},
	{server: "php-fpm", version: "php-fpm8.2 --version", command: "php-fpm8.2 -y php-fpm.conf", noApp: "php-fpm.conf", front: true,
		edits: fpmEdits, scale: noSuch, only: "tcp"},
	// As root it removes the path of its socket as it leaves, and nginx finds none until herder has put it back.
	{server: "php-fpm as www-data", version: "php-fpm8.2 --version", command: "php-fpm8.2 -y php-fpm.conf", noApp: "php-fpm.conf", front: true,
		edits: fpmEdits, scale: noSuch, only: "unix", flags: []string{"--user", "www-data"}},
	{server: "nginx", version: "nginx -v", command: "nginx -p . -c nginx.conf", noApp: "nginx.conf", edits: nginxEdits,
		logsLate: true, scale: noSuch},
	// It starts its successor by its own first word, without a look at PATH, and only if it is a daemon.
	{server: "nginx", version: "nginx -v", kind: "reexec", command: "/usr/sbin/nginx -p . -c nginx.conf", noApp: "nginx.conf",
		flags: []string{"--pidfile", "nginx.pid"}, edits: append(nginxEdits, edit{"nginx.conf", "daemon off;", "daemon on;", "daemon on;"}),
		logsLate: true, scale: noSuch},
	{server: "haproxy", version: "haproxy -v", command: "haproxy -db -f haproxy.cfg", noApp: "haproxy.cfg", workers: 1,
		logs: true, logsLate: true, scale: noSuch},
	{server: "starlet", version: "dpkg-query -W starlet", command: "plackup -s Starlet --max-workers 2 app.psgi", scale: noSuch},
	{server: "starman", version: "dpkg-query -W starman", command: "starman --preload-app --disable-keepalive --workers 2 app.psgi",
		only: "tcp", loses: afterward},
}

func (r serverRow) networks() []string {
	if r.only != "" {
		return []string{r.only}
	}
	return []string{"tcp", "unix"}
}

func (r serverRow) kindName() string {
	if r.kind == "" {
		return "fresh"
	}
	return r.kind
}

// binds is true when herder has the listener.
func (r serverRow) binds() bool { return r.kind != "reexec" }

func (r serverRow) crew() int {
	if r.workers == 0 {
		return 2
	}
	return r.workers
}

// argv of herder run.
func (r serverRow) argv(network, address string) []string {
	var argv []string
	bind, options := address, fmt.Sprintf(",name=web,backlog=%d", serverBacklog)
	if network == "unix" {
		bind, options = "unix:"+address, options+",mode=0666"
	}
	if r.binds() {
		argv = append(argv, "--bind", bind+options)
	}
	if r.kind != "" {
		argv = append(argv, "--kind", r.kind)
	}
	argv = append(slices.Concat(argv, r.flags), "--")
	return append(argv, strings.Fields(strings.ReplaceAll(r.command, "@", bind))...)
}
