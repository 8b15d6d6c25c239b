package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
)

func TestDialectIsKnownByTheCommand(t *testing.T) {
	for _, row := range []struct {
		text, dialect string
		kind          dialect.Kind
		says          string
	}{
		{"command = 'true'", "command", dialect.Pool, "TERM INT"},
		{"command = 'bundle exec unicorn'\nbind = ':80'", "unicorn", dialect.Fresh, "QUIT TERM"},
		{"command = 'bundle exec unicorn'", "unicorn", dialect.Reexec, "QUIT TERM"},
		{"command = 'unicorn -D'\nbind = ':80'", "unicorn", dialect.Fresh, "QUIT TERM"},
		{"command = 'unicorn -D'", "unicorn", dialect.Reexec, "QUIT TERM"},
		{"command = 'puma'", "puma", dialect.Fresh, "TERM KILL"},
		{"command = 'uvicorn app:app'\nbind = ':80'", "uvicorn", dialect.Pool, "TERM INT"},
		{"command = 'uvicorn app:app --workers 3'\nbind = ':80'", "uvicorn", dialect.Fresh, "TERM INT"},
		{"command = 'bin/start'\ndialect = 'gunicorn'\nkind = 'reexec'", "gunicorn", dialect.Reexec, "TERM QUIT"},
		{"command = 'unicorn'\ndialect = 'command'", "command", dialect.Pool, "TERM INT"},
		{"command = './app'\nkind = 'fresh'\ngraceful = 'USR1'", "command", dialect.Fresh, "USR1 INT"},
		{"command = 'unicorn'\nkind = 'pool'\nquick = 'KILL'", "unicorn", dialect.Pool, "QUIT KILL"},
		{"command = 'unicorn'\nkind = 'auto'\ndialect = 'auto'", "unicorn", dialect.Reexec, "QUIT TERM"},
	} {
		c := load(t, row.text+"\n")
		says := c.Row().Says
		if got := says[dialect.Graceful] + " " + says[dialect.Quick]; c.Dialect != row.dialect || c.Kind != row.kind || got != row.says || c.DialectWhy == "" {
			t.Errorf("%q: %s, %s, says %s (%s)", row.text, c.Dialect, c.Kind, got, c.DialectWhy)
		}
	}
	c := load(t, "command = 'true'\n", Flag{"--dialect", "dialect", "nginx"}, Flag{"--kind", "kind", "fresh"})
	if c.Dialect != "nginx" || c.Kind != dialect.Fresh || c.DialectWhy != "it is configured" {
		t.Errorf("flags: %s, %s, %s", c.Dialect, c.Kind, c.DialectWhy)
	}
}

func TestWorkersOfAServerWithAMasterAreExpected(t *testing.T) {
	for text, want := range map[string][2]int{
		"command = 'unicorn'\nworkers = 4":            {1, 4},
		"command = 'unicorn'\nworkers = 0":            {1, 0},
		"command = 'unicorn'":                         {1, 0},
		"command = 'true'\nworkers = 4":               {4, 0},
		"command = 'true'":                            {1, 0},
		"command = 'puma'\nworkers = 1000":            {1, 1000},
		"command = 'nginx'\nkind='pool'\nworkers = 2": {2, 0},
	} {
		if c := load(t, text+"\n"); c.Workers != want[0] || c.Expect != want[1] {
			t.Errorf("%q: %d workers, %d expected", text, c.Workers, c.Expect)
		}
	}
	a, b := load(t, "command = 'unicorn'\nworkers = 4\n"), load(t, "command = 'true'\nworkers = 4\n")
	if diff := cmp.Diff([]string{"command", "dialect", "kind", "workers"}, a.Changed(b)); diff != "" {
		t.Error(diff)
	}
}

func TestListenersWaitAsTheDialectNeedsIt(t *testing.T) {
	for command, want := range map[string][3]handoff.Wait{
		"php-fpm -F": {handoff.Blocking, handoff.Blocking, handoff.NonBlocking},
		"nginx":      {handoff.NonBlocking, handoff.Blocking, handoff.NonBlocking},
		"unicorn":    {"", handoff.Blocking, handoff.NonBlocking},
	} {
		c := load(t, "command = '"+command+"'\nbind = [':1', ':2,blocking', ':3,nonblocking']\n")
		for i, b := range c.Bind {
			if b.Options.Wait != want[i] {
				t.Errorf("%s: %s, want %q", command, b, want[i])
			}
		}
	}
}

func TestWordsAreAddedToTheCommand(t *testing.T) {
	c := load(t, "command = 'chpst -u x uwsgi --ini a.ini'\nbind = ':80'\n")
	if want := []string{"chpst", "-u", "x", "uwsgi", "--ini", "a.ini", "--exit-on-reload"}; !slices.Equal(c.Command, want) || len(c.Warnings) > 0 {
		t.Errorf("%q, warnings %q", c.Command, c.Warnings)
	}
	c = load(t, "command = ['sh', '-c', 'uwsgi --ini a.ini']\nbind = ':80'\n")
	if len(c.Command) != 3 || len(c.Warnings) != 2 || !strings.HasPrefix(c.Warnings[0], "uwsgi needs --exit-on-reload: ") || !strings.HasSuffix(c.Warnings[1], "; write exec before the server") {
		t.Errorf("%q, warnings %q", c.Command, c.Warnings)
	}
}

func TestWhatIsMissingCanBeCopied(t *testing.T) {
	c := load(t, "command = ['sh', '-c', 'exec gunicorn app']\nbind = ':80'\n")
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "gunicorn needs --pid '': write that") {
		t.Errorf("%q", c.Warnings)
	}
}

func TestAServerThatIsNotSureIsWarnedOf(t *testing.T) {
	const unsure = "the command looks as if it starts unicorn, but herder cannot be sure, and herds it as any command: say dialect = \"unicorn\", or dialect = \"command\" to silence this"
	for text, want := range map[string]string{
		"command = 'mywrap unicorn'":                               unsure,
		"command = 'mywrap unicorn'\ndialect = 'auto'":             unsure,
		"command = ['sh', '-c', 'while :; do unicorn -c x; done']": unsure,
		"command = 'mywrap unicorn'\ndialect = 'command'":          "",
		"command = 'mywrap unicorn'\ndialect = 'unicorn'":          "",
		"command = './app --name unicorn'":                         "",
		"command = '/srv/unicorn/run.sh'":                          "",
	} {
		if got := strings.Join(load(t, text+"\n").Warnings, "|"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAServerThatBindsByItselfIsWarnedOf(t *testing.T) {
	for text, want := range map[string]bool{
		"command = 'puma -b tcp://127.0.0.1:18042 config.ru'":       true,
		"command = 'uwsgi --http-socket 127.0.0.1:80'":              true,
		"command = 'php-fpm8.2 -F'":                                 true,
		"command = 'uvicorn app:app --port 80'":                     true,
		"command = 'uvicorn app:app --workers 2'":                   true,
		"command = 'gunicorn app'\nkind = 'fresh'":                  true,
		"command = 'bin/start'\ndialect = 'puma'":                   true,
		"command = 'puma'\nbind = ':80'":                            false,
		"command = 'gunicorn app'":                                  false,
		"command = 'nginx'":                                         false,
		"command = 'gunicorn --reuse-port app'\nkind = 'fresh'":     false,
		"command = 'haproxy -f x'":                                  false,
		"command = 'node x.js'":                                     false,
		"command = 'sidekiq'":                                       false,
		"command = './app'":                                         false,
		"command = 'puma -b tcp://0.0.0.0:80'\ndialect = 'command'": false,
	} {
		warned := slices.ContainsFunc(load(t, text+"\n").Warnings, func(w string) bool { return strings.Contains(w, " binds by itself, ") })
		if warned != want {
			t.Errorf("%s: warned %v, want %v", text, warned, want)
		}
	}
}

func TestWhatADialectCannotDo(t *testing.T) {
	for name, file := range map[string]wrongFile{
		"unknown":       {command + "dialect = 'unicron'\n", []string{`2:11: no dialect is called "unicron", did you mean "unicorn"? (herder dialects lists them)`}},
		"far off":       {command + "dialect = 'zebra'\n", []string{`2:11: no dialect is called "zebra" (herder dialects lists them)`}},
		"kind":          {command + "kind = 'frsh'\n", []string{`2:8: "frsh" is no kind: auto, pool, fresh or reexec`}},
		"not text":      {command + "kind = 1\ndialect = true\n", []string{"2:8: kind must be a string", "3:11: dialect must be a string"}},
		"reexec":        {"command = 'puma'\nkind = 'reexec'\n", []string{"2:8: puma cannot be of kind reexec: "}},
		"a command":     {command + "kind = 'reexec'\n", []string{"2:8: command cannot be of kind reexec: "}},
		"rolling":       {"command = 'gunicorn'\nbind = ':80'\nrolling = true\n", []string{"3:11: rolling needs kind pool, and this is fresh: gunicorn has"}},
		"daemon":        {"command = 'gunicorn -D'\nbind = ':80'\n", []string{"1:11: drop -D: a fresh master stays in the foreground"}},
		"of a pool":     {"command = 'sidekiq -d'\n", []string{"1:11: drop -d: a worker stays in the foreground"}},
		"unicorn alone": {"command = 'unicorn -D'\nkind = 'fresh'\n", []string{"1:11: drop -D: a fresh master"}},
		"no workers":    {command + "workers = 0\n", []string{"2:11: 0 is not between 1 and 1000"}},
		"few workers":   {"command = 'unicorn'\nworkers = -1\n", []string{"2:11: -1 is not between 0 and 1000"}},
		"exec probe":    {"command = 'unicorn'\nbind = ':80'\nready = 'exec:true'\n", []string{"3:9: ready = exec needs kind pool, and this is fresh: "}},
		"ready fd":      {"command = 'unicorn'\nready = 'fd'\n", []string{"2:9: ready = fd needs kind pool, and this is reexec: "}},
		"notify":        {"command = 'unicorn'\nready = 'notify'\n", []string{"2:9: ready = notify cannot be told of a successor "}},
		"probe of none": {"command = 'unicorn'\nready = 'http:/'\n", []string{"2:9: ready = http needs a listener of herder's, and "}},
		"reuseport":     {"command = 'unicorn'\nbind = ':80,reuseport=2'\nworkers = 4\n", []string{"2:8: reuseport=2 of tcp::80,reuseport=2 needs kind pool, and this is fresh: "}},
	} {
		file.try(t, name)
	}
	_, err := Load("", Flags{Values: []Flag{{"--rolling", "rolling", "true"}, {"--kind", "kind", "reexec"}, {"--workers", "workers", "x"}}, Command: []string{"puma", "-d"}})
	want := []string{`--kind: puma cannot be`, `--rolling: rolling needs`, `--workers: "x" is not a number`}
	got := strings.Split(err.Error(), "\n")
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%s", err)
	}
}

// Who removes the path that clients connect to costs requests with each upgrade, unless he may not.
func TestWhoUnlinksIsWarnedOf(t *testing.T) {
	for text, want := range map[string]bool{
		"command = 'php-fpm'\nbind = 'unix:/run/app.sock'":                    true,
		"command = 'php-fpm'\nbind = 'unix:/run/app.sock'\nuser = 'www-data'": false,
		"command = 'php-fpm'\nbind = '127.0.0.1:9000'":                        false,
		"command = 'php-fpm'\nbind = 'unix:@app'":                             false,
		"command = 'unicorn'\nbind = 'unix:/run/app.sock'":                    false,
	} {
		warned := slices.ContainsFunc(load(t, text+"\n").Warnings, func(w string) bool { return strings.Contains(w, "may not write in /run") })
		if warned != want {
			t.Errorf("%q: warned %t", text, warned)
		}
	}
}
