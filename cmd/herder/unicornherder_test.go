package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
)

// asked is what a command line of unicornherder asks of a run.
func asked(t *testing.T, words ...string) (*config.Config, error) {
	t.Helper()
	app := newApp(io.Discard, io.Discard)
	var cfg *config.Config
	for _, c := range app.Commands {
		if c.Name == unicornherder {
			c.Action = func(c *cli.Context) error {
				kind, err := unicornOf(c)
				if err != nil {
					return err
				}
				args, _ := c.App.Metadata["command"].([]string)
				flags, err := kind.flags(c, "/srv/shop", args)
				if err != nil {
					return err
				}
				cfg, err = config.Load("", flags)
				return err
			}
		}
	}
	line, err := arrange(app, called(append([]string{"/usr/local/bin/" + unicornherder}, words...)))
	if err != nil {
		t.Fatal(err)
	}
	app.Metadata = map[string]any{"command": line.command}
	err = app.Run(line.argv)
	return cfg, err
}

func TestUnicornherderCommand(t *testing.T) {
	for words, want := range map[string]string{
		"-u unicorn -p tmp/pids/unicorn.pid -- -c config/unicorn.rb -E production": "unicorn -P /srv/shop/tmp/pids/unicorn.pid -c config/unicorn.rb -E production",
		"myapp:app -w 4":                      "gunicorn -p /srv/shop/gunicorn.pid myapp:app -w 4",
		"-- -w 4 myapp:app":                   "gunicorn -p /srv/shop/gunicorn.pid -w 4 myapp:app",
		"--unicorn=gunicorn_django -p /x.pid": "gunicorn_django -p /x.pid",
		"-u unicorn_rails -- -P /shop":        "unicorn_rails -e Unicorn::Configurator::DEFAULTS[:pid] = '/srv/shop/unicorn_rails.pid' -P /shop",
		`-u unicorn_rails -p /it's\a.pid`:     `unicorn_rails -e Unicorn::Configurator::DEFAULTS[:pid] = '/it\'s\\a.pid'`,
		"-b /opt/unicorn -- -D":               "/opt/unicorn -P /srv/shop/gunicorn.pid -D",
		"-g /opt/gunicorn a:b -- c":           "/opt/gunicorn -p /srv/shop/gunicorn.pid a:b -- c",
		"-u unicorn_rails -b /opt/rails x":    "/opt/rails -e Unicorn::Configurator::DEFAULTS[:pid] = '/srv/shop/unicorn_rails.pid' x",
		"-uunicorn -ptmp/u.pid -- -D":         "unicorn -P /srv/shop/tmp/u.pid -D",
		"--pid tmp/u.pid a:b --pid c -- -p":   "gunicorn -p /srv/shop/tmp/u.pid a:b --pid c -- -p",
	} {
		cfg, err := asked(t, strings.Fields(words)...)
		if err != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if got := strings.Join(cfg.Command, " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", words, got, want)
		}
		if cfg.Kind.String() != "reexec" || cfg.Directory != "/srv/shop" {
			t.Errorf("%s: kind %s in %s", words, cfg.Kind, cfg.Directory)
		}
	}
}

// Blanks in an argument stay where they are.
func TestUnicornherderKeepsArguments(t *testing.T) {
	cfg, err := asked(t, "-p", "/a b.pid", "--", "--name", "two words", "", "app:make('x')")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Command, "|"); got != "gunicorn|-p|/a b.pid|--name|two words||app:make('x')" {
		t.Error(got)
	}
}

func TestUnicornherderTimes(t *testing.T) {
	cfg, err := asked(t, "app")
	if err != nil || cfg.ReadyTimeout != 150*time.Second || cfg.Overlap != 30*time.Second || cfg.StartTries != 1 {
		t.Errorf("%+v, %v", cfg, err)
	}
	cfg, err = asked(t, "-t", "7", "-o", "0", "app")
	if err != nil || cfg.ReadyTimeout != 127*time.Second || cfg.Overlap != 0 {
		t.Errorf("%+v, %v", cfg, err)
	}
	for _, wrong := range []string{"-t 0", "-o -1", "-t soon", "-u mongrel"} {
		if _, err := asked(t, strings.Fields(wrong)...); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

func TestHerdNamesDiffer(t *testing.T) {
	paths := []string{"/a/b.pid", "/a-b.pid", "/a/b", "/.pid", "/ü.pid", "/" + strings.Repeat("x", 300) + ".pid", "/y" + strings.Repeat("x", 300) + ".pid"}
	seen := map[string]string{}
	for _, path := range paths {
		name := herdName(path)
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both called %s", path, other, name)
		}
		seen[name] = path
		flags := config.Flags{Values: []config.Flag{{Name: "--name", Key: "name", Value: name}}, Command: []string{"app"}}
		if _, err := config.Load("", flags); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestUnicornherderLogLevel(t *testing.T) {
	for name, want := range map[string]slog.Level{"": slog.LevelInfo, "debug": slog.LevelDebug, "Warn": slog.LevelWarn, "ERROR": slog.LevelError, "nonsense": slog.LevelInfo} {
		if got := logLevel(name); got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}

func TestTitle(t *testing.T) {
	for i, want := range []string{"Gunicorn", "Gunicorn_Django", "Unicorn", "Unicorn_Rails"} {
		if got := unicornTypes()[i].title(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The lines of a life, with what becomes of each wish.
func TestClassicLines(t *testing.T) {
	var said strings.Builder
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			return a
		}
		return slog.Attr{}
	}
	c := &classic{log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: plain})), title: "Unicorn", boot: 30 * time.Second, serve: 150 * time.Second}
	look := func(gen int) control.Generation {
		return control.Generation{Generation: gen, Master: &control.Master{PID: 10 * gen}, Workers: make([]control.Worker, 4)}
	}
	late := herd.Verdict{Outcome: herd.RolledBack, Reason: "not ready after 2m30s (0 of 1 workers up)", From: 2, To: 3}
	c.heard(unix.SIGHUP)
	for _, e := range []herd.Effect{
		herd.Spawn{Gen: 1}, herd.Adopt{Gen: 1},
		herd.Check{}, herd.Spawn{Gen: 2}, herd.Adopt{Gen: 2}, herd.Conclude{Verdict: herd.Verdict{Outcome: herd.Upgraded}},
		herd.Check{}, herd.Spawn{Gen: 3}, herd.Conclude{Verdict: late},
		herd.Spawn{Gen: 4}, herd.Spawn{Gen: 5}, herd.Adopt{Gen: 5},
		herd.Leave{Verdict: herd.Verdict{Outcome: herd.Stopped}},
		herd.Leave{Verdict: herd.Verdict{Outcome: herd.NeverServed, Reason: "master died"}},
		herd.Leave{Verdict: herd.Verdict{Outcome: herd.NeverServed, Reason: late.Reason}},
		herd.Leave{Verdict: herd.Verdict{Outcome: herd.NeverServed, Reason: foreign.ListensNowhere + "30s"}},
	} {
		c.Did(e, look, time.Time{})
	}
	c.heard(unix.SIGHUP)
	want := `msg="Caught HUP but have no tracked process."
msg="Unicorn booted (PID 10)"
msg="Unicorn changed PID (was 10, now 20)"
msg="The expected number of workers (4) was not reached in 150 seconds. PID 20 goes on."
msg="Unicorn died. Starting it again."
msg="Unicorn booted (PID 50)"
msg="Unicorn died. Exiting."
msg="The expected number of workers (1) was not reached in 150 seconds. Sending TERM and exiting."
msg="Unicorn failed to daemonize within 30 seconds. Sending TERM and exiting."
msg="Caught HUP: gracefully restarting PID 50"
`
	if said.String() != want {
		t.Errorf("said:\n%s\nwant:\n%s", said.String(), want)
	}
}
