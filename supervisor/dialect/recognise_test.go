package dialect

import (
	"slices"
	"strings"
	"testing"
)

// Each server as people start it, by itself.
var bare = map[string][]string{
	"unicorn":       {"unicorn -c config/unicorn.rb -E production", "/usr/bin/unicorn -D", "ruby /usr/bin/unicorn", "ruby3.1 -I lib -S unicorn"},
	"unicorn_rails": {"unicorn_rails -c x", "ruby -S unicorn_rails -D", "/usr/bin/ruby3.1 bin/unicorn_rails"},
	"gunicorn":      {"gunicorn app:app", "gunicorn3 app", "python3 /usr/bin/gunicorn app", "python -m gunicorn app", "/venv/bin/python3.11 -u -W error -mgunicorn app"},
	"puma":          {"puma -C config/puma.rb", "ruby bin/puma", "rackup -s puma", "rackup3.1 config.ru --server=Puma", "ruby bin/rackup -E x -spuma"},
	"uvicorn":       {"uvicorn app:app --fd 3", "python3 -m uvicorn app:app"},
	"hypercorn":     {"hypercorn app", "python -m hypercorn app"},
	"daphne":        {"daphne app", "python -m daphne app"},
	"waitress":      {"waitress-serve app:app", "python -m waitress app:app"},
	"uwsgi":         {"uwsgi --ini app.ini", "uwsgi_python311 x", "/usr/bin/uwsgi-core", "uwsgi_rack_ruby31"},
	"php-fpm":       {"php-fpm", "/usr/sbin/php-fpm8.2 -F", "php-fpm82", "php-fpm-8.2"},
	"nginx":         {"nginx -g 'daemon off;'", "/usr/sbin/nginx"},
	"haproxy":       {"haproxy -Ws -f x.cfg"},
	"starlet":       {"plackup5.36 -E x -s Starlet app.psgi", "plackup -s Starlet app.psgi", "perl /usr/bin/plackup --server=Starlet app.psgi", "plackup -sStarlet", "plackup app.psgi --server Starlet"},
	"starman":       {"starman app.psgi", "plackup -s Starman app.psgi", "perl -I lib -Mlib=x /usr/bin/starman"},
	"node":          {"node server.js", "nodejs server.js", "node20 server.js"},
	"sidekiq":       {"sidekiq -q default", "ruby -S sidekiq -r ./app.rb", "bin/sidekiq"},
}

// What may stand in front of each, and whether herder is parted from it by that.
var fronts = map[string]bool{
	"":                                     false,
	"bundle exec ":                         false,
	"bundle exec --keep-file-descriptors ": false,
	"env -i -u HOME A=1 B=2 ":              false,
	"env - PATH=/bin ":                     false,
	"env ":                                 false,
	"chpst -u deploy:www -e ./env -o 65536 -P ": false,
	"nice -n 5 ":                                   false,
	"nice -10 ionice -c2 -n 0 ":                    false,
	"setpriv --reuid deploy --init-groups -- ":     false,
	"setpriv --reuid=1 --regid 1 --clear-groups ":  false,
	"setuidgid deploy ":                            false,
	"exec ":                                        false,
	"rbenv exec bundle exec ":                      false,
	"poetry run ":                                  false,
	"pipenv run ":                                  false,
	"taskset -c 0,1 ":                              false,
	"envdir ./env softlimit -m 100 nohup ":         false,
	"chpst -u deploy env RAILS_ENV=x bundle exec ": false,
	"setsid -w ":                                   true,
	"timeout -k 5 1h ":                             true,
	"tini -g -- ":                                  true,
	"dumb-init ":                                   true,
	"sudo -u deploy -E A=1 ":                       true,
	"runuser -u deploy -- ":                        true,
	"npx ":                                         true,
	"npm exec -- ":                                 true,
	"uv run ":                                      true,
	"bundle3.1 exec ":                              false,
	"bundle _2.1.4_ exec ":                         false,
	"prlimit --nofile=65536 -o NAME ":              false,
	"numactl --cpunodebind 0 -m 0 -- ":             false,
	"rvm-exec 3.1 ":                                false,
	"mise exec ruby@3 -- ":                         false,
	"mise x -- ":                                   false,
	"direnv exec . ":                               false,
	"dotenv -f .env,.env.local ":                   false,
	"env -a web ":                                  false,
	"env -S 'A=1 nice -n 5' ":                      false,
	"env -i -S'B=1 bundle exec' ":                  false,
	"env --split-string='-u X ' ":                  false,
	"busybox env A=1 ":                             false,
	"ruby --encoding UTF-8 -S ":                    false,
	"doas -u deploy ":                              true,
	"catatonit -- ":                                true,
	"docker-init -- ":                              true,
	"chruby-exec ruby-3.1 -- ":                     true,
	"sudo -Hu deploy ":                             true,
	"sudo -iu deploy -- ":                          true,
	"sudo -udeploy -E ":                            true,
}

// words cuts a line as the tables here are written.
func words(line string) []string {
	if cs := commandsOf(line); len(cs) > 0 {
		return cs[0].words
	}
	return nil
}

func TestEachServerThroughEachWrapper(t *testing.T) {
	for name, lines := range bare {
		for _, line := range lines {
			for front, apart := range fronts {
				expect(t, words(front+line), name, apart)
			}
			for _, text := range []string{"exec " + line, "cd /srv; A=1 exec " + line, "ulimit -n 9 && exec env A=1 " + line + " 2>&1"} {
				expect(t, []string{"sh", "-c", text}, name, false)
				expect(t, []string{"/bin/bash", "-lc", text}, name, false)
				expect(t, []string{"chpst", "-u", "x", "bash", "-e", "-c", text}, name, false)
			}
			for _, flags := range []string{"-euo pipefail -c", "-o pipefail -ec", "+o posix -c", "-O extglob +O nullglob -lc", "-c -e", "--norc --rcfile x -c", "-c --", "-ceu"} {
				expect(t, append(words("bash "+flags), "exec "+line), name, false)
			}
			for _, text := range []string{line + " &", "exec " + line + " 2>&1 | cat", "exec " + line + " |& tee x", "x | exec " + line, "trap x TERM; " + line + " & wait"} {
				expect(t, []string{"bash", "-c", text}, name, true)
			}
			for _, text := range []string{"exec " + line + " >&2", "exec " + line + " &>>log", "nginx -t && exec " + line, "A=1 exec " + line, "exec 2>&1; exec " + line} {
				expect(t, []string{"busybox", "sh", "-c", text}, name, false)
			}
			expect(t, []string{"su", "--command=exec " + line, "deploy"}, name, true)
			expect(t, []string{"su", "-s", "/bin/sh", "deploy", "-lc", line}, name, true)
			expect(t, []string{"runuser", "-l", "deploy", "-c", line}, name, true)
			expect(t, []string{"bash", "-c", line}, name, false)
			expect(t, []string{"sh", "-c", line}, name, true)
			expect(t, []string{"bash", "-c", "cd /srv && " + line}, name, true)
			expect(t, []string{"su", "-", "deploy", "-c", "exec " + line}, name, true)
			expect(t, []string{"su", "-c", line, "deploy"}, name, true)
		}
	}
	for _, r := range Rows() {
		if bare[r.Name] == nil && r.Name != "command" {
			t.Errorf("%s is not tried", r.Name)
		}
	}
}

func expect(t *testing.T, argv []string, name string, apart bool) {
	t.Helper()
	r, why := Recognise(argv)
	if r.Name != name || !strings.HasPrefix(why, "the command is ") {
		t.Errorf("%q: %s (%s), want %s", argv, r.Name, why, name)
	}
	if doubts := Doubts(argv); len(doubts) > 0 != apart {
		t.Errorf("%q: doubts %q, want some: %v", argv, doubts, apart)
	}
}

func TestUnknownIsACommand(t *testing.T) {
	for _, line := range []string{
		"", "./app", "python3 worker.py", "python3 -c gunicorn", "python -m http.server", "python -m", "ruby -e unicorn", "puma_worker", "pumactl start",
		"bundle install", "bundle exec", "bundle", "env", "env A=1", "nice", "timeout 5", "chpst -u", "sh", "sh -c", "sh run.sh -c unicorn", "plackup app.psgi", "plackup -s", "plackup -s Twiggy",
		"unicornherder -u unicorn", "start_server -- starman", "unicorn/", "bin/unicorn.rb", "cat unicorn", "php worker.php", "exec", "sudo -u x ./app", "nginx-unit",
		"sh -c 'nginx -t && exec ./other'", "sh -c 'nginx -t && ./other'", "sh -c 'nginx; exec >>log ./other'", "bash -o pipefail run.sh -c unicorn", "bash -o -c", "bash -c", "bash -c --", "bash -- -c unicorn",
		"rackup", "rackup -s webrick", "rackup -s", "rails", "rails console", "rails server -u thin", "rails s webrick", "mise exec unicorn", "chruby-exec unicorn", "env -S", "env -S 'unicorn; x'",
		"rvm-exec unicorn", "direnv exec unicorn", "runuser unicorn", "doas", "su unicorn",
	} {
		if r, why := Recognise(words(line)); r.Name != "command" || why != unknown {
			t.Errorf("%s: %s, %s", line, r.Name, why)
		}
	}
	for line, want := range map[string]string{"npm start": "npm runs", "sudo ./app": "sudo runs", "sh -c 'while :; do x; done'": "", "./app": ""} {
		if got := strings.Join(Doubts(words(line)), "|"); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: doubts %q", line, got)
		}
	}
}

// A server that Rails starts has a pid file of its own, which the next one is not told of.
func TestRailsServerIsPumaAndDoubtful(t *testing.T) {
	for _, line := range []string{"rails server -e production", "bundle exec rails s -b x", "ruby bin/rails server --using=puma", "bin/rails s puma"} {
		expect(t, words(line), "puma", true)
	}
}

func TestWhy(t *testing.T) {
	for line, want := range map[string]string{
		"chpst -u deploy bundle exec unicorn -D": `the command is "chpst bundle exec unicorn"`,
		"python3.11 -m gunicorn app":             `the command is "python3.11 -m gunicorn"`,
		"sh -c 'cd x && exec /usr/sbin/nginx'":   `the command is "sh -c exec nginx"`,
	} {
		if _, why := Recognise(words(line)); why != want {
			t.Errorf("%s: %s, want %s", line, why, want)
		}
	}
	for text, want := range map[string]string{
		"unicorn": "; write exec before the server", "exec unicorn | cat": "; write exec before the server, and take the | or & away",
	} {
		if got := Doubts([]string{"sh", "-c", text}); len(got) != 1 || got[0] != "sh -c "+newPID+want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestDaemonises(t *testing.T) {
	for line, want := range map[string]string{
		"unicorn -D": "-D", "perl -D unicorn": "", "env -D unicorn -c x": "", "gunicorn --daemon app": "--daemon", "uwsgi --daemonize=/log": "--daemonize",
		"nginx -g 'daemon on; pid x;'": "daemon on;", "nginx -g 'daemon off;'": "", "sh -c 'exec unicorn -D'": "-D", "./app -D": "", "unicorn --daemonizer": "",
		"rackup -s puma -d": "", "rackup -s puma -D": "-D", "rails server -d": "-d",
	} {
		argv := words(line)
		r, _ := Recognise(argv)
		if got := r.Daemonises(argv); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got := unicorn.Daemonises([]string{"bin/start", "-D"}); got != "-D" {
		t.Errorf("a program of another name: %q", got)
	}
}

func TestBesideIsForFreshMastersOnly(t *testing.T) {
	argv := []string{"gunicorn", "-p", "x.pid", "app:app"}
	for kind, want := range map[Kind][]string{Pool: argv, Reexec: argv, Fresh: {"gunicorn", "-p", "x.pid", "app:app", "--pid", ""}} {
		if got, missing := gunicorn.Complete(argv, kind); !slices.Equal(got, want) || missing != nil {
			t.Errorf("%s: %q, missing %q", kind, got, missing)
		}
	}
	if _, missing := gunicorn.Complete([]string{"sh", "-c", "exec gunicorn app"}, Fresh); !slices.Equal(missing, []string{"--pid", ""}) {
		t.Errorf("missing %q", missing)
	}
}

func TestQuoteIsReadBackByAShell(t *testing.T) {
	words := []string{"--pid", "", "it's", "a b", "$x", "--a=b", `\`, "x~", "{}"}
	cs := commandsOf(Quote(words))
	if len(cs) != 1 || !slices.Equal(cs[0].words, words) {
		t.Errorf("%s: %v", Quote(words), cs)
	}
	if got := Quote(words[:3]); got != `--pid '' 'it'\''s'` {
		t.Error(got)
	}
}

func TestComplete(t *testing.T) {
	for line, want := range map[string]string{
		"env A=1 uwsgi --ini x":               "env A=1 uwsgi --ini x --exit-on-reload|",
		"uwsgi --exit-on-reload --ini x":      "uwsgi --exit-on-reload --ini x|",
		"sh -c 'exec uwsgi --ini x'":          "sh -c exec uwsgi --ini x|--exit-on-reload",
		"sh -c 'exec uwsgi --exit-on-reload'": "sh -c exec uwsgi --exit-on-reload|",
		"unicorn":                             "unicorn|",
	} {
		argv := words(line)
		r, _ := Recognise(argv)
		whole, missing := r.Complete(argv, r.KindFor(argv, false))
		if got := strings.Join(whole, " ") + "|" + strings.Join(missing, " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestKindFor(t *testing.T) {
	for line, want := range map[string]string{
		"unicorn": "fresh reexec", "gunicorn": "fresh reexec", "nginx": "fresh reexec", "puma": "fresh fresh", "node x": "pool pool", "./app": "pool pool",
		"uvicorn app --workers 4": "fresh fresh", "uvicorn app --workers=2": "fresh fresh", "uvicorn app --workers 1": "pool pool", "uvicorn app": "pool pool",
		"hypercorn -w 3 app": "fresh fresh", "hypercorn app -w": "fresh fresh", "haproxy": "fresh fresh", "sidekiq": "pool pool",
	} {
		argv := words(line)
		r, _ := Recognise(argv)
		if got := r.KindFor(argv, false).String() + " " + r.KindFor(argv, true).String(); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	if puma.Can(Reexec) || !unicorn.Can(Reexec) || !command.Can(Fresh) || !puma.Can(Pool) {
		t.Error("Can")
	}
}

// FuzzRecognise: whatever the words, there is a row, and what it says of them fits them.
func FuzzRecognise(f *testing.F) {
	for front := range fronts {
		f.Add(strings.ReplaceAll(front+"unicorn -D", " ", "\x00"))
	}
	f.Add("sh\x00-c\x00cd /x && exec bundle exec 'puma' \"a")
	f.Add("su\x00-\x00x\x00-c\x00sh -c 'exec python -m gunicorn'")
	f.Add("plackup\x00-s\x00Starlet")
	f.Fuzz(func(t *testing.T, text string) {
		argv := strings.Split(text, "\x00")
		r, why := Recognise(argv)
		if _, ok := Find(r.Name); !ok || why == "" {
			t.Errorf("%q: row %q, why %q", argv, r.Name, why)
		}
		whole, _ := r.Complete(argv, r.KindFor(argv, false))
		if len(whole) < len(argv) || !slices.Equal(whole[:len(argv)], argv) {
			t.Errorf("%q became %q", argv, whole)
		}
		Doubts(argv)
		if name := Suspect(argv); name != "" && r.Name != "command" {
			t.Errorf("%q: it is %s, and suspected to be %s", argv, r.Name, name)
		}
		r.KindFor(argv, true)
		if word := r.Daemonises(argv); word != "" && !strings.Contains(text, word) && !strings.ContainsAny(text, `\'"`) {
			t.Errorf("%q: %q is not there", argv, word)
		}
	})
}
