package dialect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herderd/herder/handoff"
)

var three = []handoff.Passed{
	{Name: "web", Key: "localhost:8080", Address: "127.0.0.1:8080", Network: handoff.TCP},
	{Name: "six", Key: ":9000", Address: "[::]:9000", Network: handoff.TCP},
	{Name: "app", Key: "/run/a.sock", Address: "/run/a.sock", Network: handoff.Unix},
}

func TestEnvironOfEachRow(t *testing.T) {
	listen := "LISTEN_FDS=3 LISTEN_FDNAMES=web:six:app"
	starter := "SERVER_STARTER_PORT=localhost:8080=3;9000=4;/run/a.sock=5 SERVER_STARTER_GENERATION=7"
	any := listen + " EINHORN_FD_0=3 EINHORN_FD_1=4 EINHORN_FD_2=5 EINHORN_FD_COUNT=3 EINHORN_FDS=3 4 5 " + starter
	want := map[string]string{
		"command": any, "node": any, "uvicorn": any, "hypercorn": any, "daphne": any, "waitress": any, "haproxy": any, "sidekiq": any,
		"unicorn": listen, "unicorn_rails": listen, "gunicorn": listen, "puma": listen, "uwsgi": listen,
		"starlet": starter, "starman": starter,
		"php-fpm": "FPM_SOCKETS=127.0.0.1:8080=3,:::9000=4,/run/a.sock=5", "nginx": "NGINX=3;4;5;",
	}
	got := map[string]string{}
	for _, r := range Rows() {
		got[r.Name] = strings.Join(r.Environ(three, 7, 3, []string{r.Name}), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironOfADaemon(t *testing.T) {
	for command, want := range map[string]string{
		"bundle exec unicorn -D": "UNICORN_FD=10,11,12", "unicorn_rails --daemonize": "UNICORN_FD=10,11,12",
		"unicorn -c D": "", // LISTEN_FDS begins at 3, and only there
		"nginx":        "NGINX=10;11;12;", "gunicorn -D": "",
	} {
		r, _ := Recognise(words(command))
		if got := strings.Join(r.Environ(three, 7, 10, words(command)), " "); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

// gunicorn takes sockets that its bind names, and then must not be told of them again.
func TestEnvironByNumber(t *testing.T) {
	for _, command := range []string{
		"gunicorn -b fd://3 app", "gunicorn -bfd://3 app", "gunicorn --bind fd://{fd:web} app", "python3 -m gunicorn --bind=fd://3 app",
		"gunicorn -b fd://3 -b fd://4 app",
	} {
		if r, _ := Recognise(words(command)); r.MeansFor(words(command)) != 0 || len(r.Environ(three, 7, 3, words(command))) != 0 {
			t.Errorf("%s: %s is told %q", command, r.Name, r.Environ(three, 7, 3, words(command)))
		}
	}
	shell := []string{"sh", "-c", "gunicorn -b fd://3 app; true"}
	if gunicorn.MeansFor(shell) != 0 {
		t.Errorf("%q: told by %q", shell, gunicorn.MeansFor(shell).Names())
	}
	for _, command := range []string{"gunicorn -b 127.0.0.1:8080 app", "hypercorn --bind fd://3 app"} {
		if r, _ := Recognise(words(command)); r.MeansFor(words(command)) != r.Means {
			t.Errorf("%s: told by %q", command, r.MeansFor(words(command)).Names())
		}
	}
}

func TestEnvironOddities(t *testing.T) {
	odd := []handoff.Passed{{Key: "/a,b=c", Network: handoff.Unix}, {Key: "/run/a", Network: handoff.Unix}}
	if got := phpFPM.Environ(odd, 1, 3, nil); len(got) != 1 || got[0] != "FPM_SOCKETS=/run/a=4" {
		t.Errorf("%q", got)
	}
	for _, r := range Rows() {
		if got := r.Environ(nil, 1, 3, []string{r.Name}); got != nil {
			t.Errorf("%s is told of listeners that are not there: %q", r.Name, got)
		}
		if len(r.Means.Names()) == 0 {
			t.Errorf("%s: no means", r.Name)
		}
	}
	if got := strings.Join((Listen | Nginx).Names(), " "); got != "LISTEN_FDS NGINX" {
		t.Errorf("%s", got)
	}
}
