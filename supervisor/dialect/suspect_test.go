package dialect

import "testing"

func TestSuspect(t *testing.T) {
	for _, line := range []string{
		"mywrap unicorn -c x.rb", "strace -o /tmp/x unicorn", "flock /run/x /usr/bin/unicorn", "systemd-run --scope=1 unicorn", "doppler run -- unicorn",
		"conda run -n web bundle exec unicorn", "start_server --port 80 -- unicorn", "script -qc 'exec unicorn -c x' /dev/null", "ssh host 'cd x; unicorn'",
		"wrap ruby -S unicorn", "run-with-secrets --env=prod bundle exec unicorn", "wrap sh -c 'exec unicorn'", "./bin/start unicorn",
		"sh -c 'if true; then exec unicorn; fi'", "sh -c 'trap x TERM; while :; do unicorn; done'", "bash -c 'mywrap unicorn'", "sh run.sh unicorn",
		"bash -c 'X=1 >log mywrap unicorn | cat; exit 1'", "setpriv --no-such-flag x unicorn", "timeout 5 mywrap unicorn", "dotenv run -- unicorn",
		"sh -c 'exec mywrap unicorn'", "su deploy -c 'mywrap unicorn'",
	} {
		if r, _ := Recognise(words(line)); r.Name != "command" {
			t.Errorf("%s: it is known as %s, so this tries nothing", line, r.Name)
		}
		if got := Suspect(words(line)); got != "unicorn" {
			t.Errorf("%s: %q, want unicorn", line, got)
		}
	}
	for line, want := range map[string]string{"wrap gunicorn3 app": "gunicorn", "wrap php-fpm8.2 -F": "php-fpm", "wrap python3 -m gunicorn x": "gunicorn", "wrap uvicorn x": "uvicorn"} {
		if got := Suspect(words(line)); got != want {
			t.Errorf("%s: %q, want %s", line, got, want)
		}
	}
}

func TestNothingToSuspect(t *testing.T) {
	for _, line := range []string{
		"", "./app", "./unicorn.sh", "/srv/unicorn/run.sh", "/srv/unicorn/bin/start", "./app --name nginx", "./app -u nginx -g haproxy --title 'nginx here'", "./app --name=nginx",
		"./app /etc/nginx", "./app conf/puma", "./app unicorn/", "python3 -c unicorn", "python3 -c 'unicorn x'", "ruby -e 'exec unicorn'", "sh run.sh -c unicorn", "./app nginx.conf",
		"cat unicorn", "sh -c 'echo nginx; exec ./app'", "sh -c 'mkdir -p /run/nginx && chown nginx /run/nginx && exec ./app'", "sh -c 'nginx -t && exec ./other'",
		"sh -c 'cd nginx; ./app'", "sh -c 'nginx; exec ./other'", "wrap node server.js", "wrap daphne x", "chpst -u nginx ./app", "sudo -u nginx ./app", "unicorn -c x", "bundle exec puma",
		"unicornherder -u unicorn", "env unicorn=1 ./app", "sh -c 'unicorn && ./app'", "su nginx -c ./app", "setuidgid nginx ./app",
	} {
		if got := Suspect(words(line)); got != "" {
			t.Errorf("%s: %q", line, got)
		}
	}
}
