package servers

import "strings"

// server says how one server is run. The zero values are those of most.
type server struct {
	argv     []string
	means    []string // the variables that tell it of its listener, @ being the address; nil: LISTEN_FDS
	graceful string   // the signal; "": SIGTERM
	status   string   // how it ends then; "": exit 0
	broken   string   // how a release ends that cannot be loaded, a regular expression; "": never; Perl ends with errno

	edits    []edit // its configuration names the address
	noApp    string // the file to break instead of the app
	blocking bool   // the listener must be
	only     string // the one network it can be given
	front    bool   // it speaks FastCGI: nginx-php.conf is to be in front of it
	pidfile  string // it does not start while this names a live process
	logs     bool   // its log is what it writes, with other lines among it
	pause    string // the networks on which its stop costs requests, even if it is told to finish
	unlinks  bool   // it removes the path of its unix socket when it stops
}

// edit says how an address is written in a file, @ being the address.
type edit struct{ file, was, tcp, unix string }

var servers = map[string]server{
	"unicorn": {argv: words("unicorn -c unicorn.rb config.ru"), graceful: "SIGQUIT", broken: "exit 1",
		edits: []edit{{"unicorn.rb", "127.0.0.1:8080", "@", "@"}}, pidfile: "tmp/pids/unicorn.pid"},
	"unicorn by UNICORN_FD": {argv: words("unicorn -c unicorn.rb config.ru"), graceful: "SIGQUIT", broken: "exit 1",
		edits: []edit{{"unicorn.rb", "127.0.0.1:8080", "@", "@"}}, pidfile: "tmp/pids/unicorn.pid", means: []string{"UNICORN_FD=3"}},
	// Now and then it closes a connection, on SIGTERM, that it has accepted and not answered (seen with cluster mode).
	"puma cluster": {argv: words("puma -C puma.rb"), status: "killed by SIGTERM", broken: "exit 1",
		edits: []edit{{"puma.rb", "tcp://127.0.0.1:8080", "tcp://@", "unix://@"}}, pause: "tcp unix"},
	"puma single": {argv: words("puma -C puma.rb -w 0"), status: "killed by SIGTERM", broken: "exit 1",
		edits: []edit{{"puma.rb", "tcp://127.0.0.1:8080", "tcp://@", "unix://@"}}, pause: "tcp unix"},
	// It ends with 1 when the second worker fails while it stops for the first.
	"gunicorn sync":    {argv: words("gunicorn app:application"), broken: "exit (3|1)"},
	"gunicorn gthread": {argv: words("gunicorn -k gthread --threads 2 app:application"), broken: "exit (3|1)"},
	"gunicorn gevent":  {argv: words("gunicorn -k gevent app:application"), broken: "exit (3|1)"},
	// One run in some failed while it left under load; what was wrong with it is not known.
	"uwsgi": {argv: words("uwsgi --ini uwsgi.ini"), graceful: "SIGHUP", broken: "exit 22", pause: "tcp unix"},
	// On SIGINT it now and then closes a connection that it has accepted and not answered. It is Debian's module, whichever
	// python3 comes first on the PATH.
	"waitress": {argv: words("/usr/bin/python3 serve.py"), graceful: "SIGINT", broken: "exit 1", pause: "tcp unix"},
	// On SIGTERM version 0.17 closes each connection that is idle, and so one from which it has not yet read a request.
	"uvicorn":         {argv: words("uvicorn --fd 3 asgi:application"), broken: "exit 1", pause: "tcp unix"},
	"uvicorn workers": {argv: words("uvicorn --workers 2 --fd 3 asgi:application"), pause: "tcp unix"},
	"hypercorn":       {argv: words("hypercorn --bind fd://3 asgi:application"), broken: "exit 1", pause: "tcp unix"}, // as uvicorn
	// On SIGTERM it drops what it has in hand. It takes a unix socket for a TCP one.
	"daphne": {argv: words("daphne --fd 3 asgi:application"), broken: "exit 1", only: "tcp", pause: "tcp"},
	"node":   {argv: words("node server.js"), broken: "exit 1"},
	"starlet": {argv: words("plackup -s Starlet --max-workers 2 app.psgi"), broken: "exit [1-9][0-9]*",
		means: []string{"SERVER_STARTER_PORT=@=3", "SERVER_STARTER_GENERATION=1"}, blocking: true},
	// Version 0.4016 takes a unix socket for a TCP one, and a worker may leave on SIGQUIT with a connection that it has
	// just accepted. It stays with one that is kept alive, so with more clients than workers none is ever seen waiting.
	"starman": {argv: words("starman --preload-app --disable-keepalive --workers 2 app.psgi"), graceful: "SIGQUIT",
		broken: "exit [1-9][0-9]*", means: []string{"SERVER_STARTER_PORT=@=3", "SERVER_STARTER_GENERATION=1"}, blocking: true,
		only: "tcp", pause: "tcp"},
	"php-fpm": {argv: words("php-fpm8.2 -y php-fpm.conf"), graceful: "SIGQUIT", broken: "exit 78", noApp: "php-fpm.conf",
		edits: []edit{{"php-fpm.conf", "127.0.0.1:9000", "@", "@"}, {"nginx-php.conf", "127.0.0.1:9000", "@", "unix:@"}},
		means: []string{"FPM_SOCKETS=@=3"}, blocking: true, front: true, pause: "unix", unlinks: true},
	"nginx": {argv: words("nginx -p . -c nginx.conf"), graceful: "SIGQUIT", broken: "exit 1", noApp: "nginx.conf",
		edits: []edit{{"nginx.conf", "127.0.0.1:8080", "@", "unix:@"}}, means: []string{"NGINX=3;"}},
	"haproxy": {argv: words("haproxy -db -f haproxy.cfg"), graceful: "SIGUSR1", broken: "exit 1", noApp: "haproxy.cfg",
		logs: true},
}

// front passes requests on to php-fpm.
var front = server{argv: words("nginx -p . -c nginx-php.conf"), means: []string{"NGINX=3;"},
	edits: []edit{{"nginx-php.conf", "127.0.0.1:8080", "@", "@"}}}

func words(command string) []string { return strings.Fields(command) }

func (s server) networks() []string {
	if s.only != "" {
		return []string{s.only}
	}
	return []string{"tcp", "unix"}
}

// environ tells the server of its listener.
func (s server) environ(l listener) []string {
	if s.means == nil {
		return []string{"LISTEN_FDS=1"} // start adds LISTEN_PID
	}
	var env []string
	for _, v := range s.means {
		env = append(env, strings.ReplaceAll(v, "@", l.address))
	}
	return env
}
