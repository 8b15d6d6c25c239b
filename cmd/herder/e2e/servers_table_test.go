package e2e

import (
	"slices"
	"strings"
)

// serverRow says how one server is run under herder, and what is known of it. The zero values are those of most.
type serverRow struct {
	server  string   // as the README calls it
	version string   // the command that says its version
	kind    string   // "": fresh
	command string   // @ is the address; its configuration is in contrib/servers
	flags   []string // of herder run, beside --bind
	edits   []edit   // its configuration names the address
	only    string   // the one network it can be given
	front   bool     // it speaks FastCGI: nginx-php.conf is to be in front of it

	workers int    // that the status shows; 0: two
	noApp   string // the file to break instead of the app
	mute    string // why the verdict on a broken release has none of the server's own words; "": it has
	scale   string // why herder scale does nothing; "": it works
	logs    bool   // its log is what it writes, with other lines among it

	// What a stop costs although the server was told to finish, and why; "": nothing. Each client can lose one request.
	loses string
	// The same for a request in flight when herder stops.
	cuts string

	quick bool // it is run with the race detector too: one row of each kind
}

// edit says how an address is written in a file, @ being the address.
type edit struct{ file, was, tcp, unix string }

var unicornEdits = []edit{{"unicorn.rb", "127.0.0.1:8080", "@", "@"}}
var pumaEdits = []edit{{"puma.rb", "tcp://127.0.0.1:8080", "tcp://@", "unix://@"}}

// Why things are not as one would wish.
const (
	noWords   = "its output is that of the first generation"
	noSuch    = "no signal for it"
	afterward = "a worker that leaves may close a connection whose request it has not read yet"
)

var serverRows = []serverRow{
	{server: "unicorn", version: "unicorn --version", command: "unicorn -E none -c unicorn.rb config.ru",
		flags: []string{"--pidfile", "tmp/pids/unicorn.pid"}, edits: unicornEdits, quick: true},
	{server: "unicorn", version: "unicorn --version", kind: "reexec", command: "unicorn -E none -c unicorn.rb config.ru",
		flags: []string{"--pidfile", "tmp/pids/unicorn.pid"}, edits: unicornEdits, mute: noWords, quick: true},
	{server: "gunicorn sync", version: "gunicorn --version", command: "gunicorn app:application"},
	{server: "gunicorn sync", version: "gunicorn --version", kind: "reexec", command: "gunicorn -b @ -p gunicorn.pid app:application",
		flags: []string{"--pidfile", "gunicorn.pid"}, mute: noWords},
	{server: "gunicorn gthread", version: "gunicorn --version", command: "gunicorn -k gthread --threads 2 app:application"},
	{server: "gunicorn gevent", version: "gunicorn --version", command: "gunicorn -k gevent app:application"},
	{server: "puma single", version: "puma --version", command: "puma -C puma.rb -w 0", edits: pumaEdits, workers: 1, scale: noSuch},
	{server: "puma cluster", version: "puma --version", command: "puma -C puma.rb", edits: pumaEdits, loses: afterward},
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
	bind, options := address, ",name=web"
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
