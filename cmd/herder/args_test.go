package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/config"
)

func TestArrange(t *testing.T) {
	for words, want := range map[string]string{
		"status -o json":                  "herder status -o=json --",
		"-o json status":                  "herder status -o=json --",
		"status --output=json":            "herder status --output=json --",
		"--name a status -o json":         "herder status --name=a -o=json --",
		"scale 3 --name a":                "herder scale --name=a -- 3",
		"scale -2":                        "herder scale -- -2",
		"scale --name -2 -2":              "herder scale --name=-2 -- -2",
		"scale -- -2 --x":                 "herder scale -- -2 --x",
		"run --rolling --bind a --bind b": "herder run --rolling --bind=a --bind=b --",
		"run --rolling=false":             "herder run --rolling=false --",
		"run --env -x=-y":                 "herder run --env=-x=-y --",
		"upgrade -s - --timeout -1s":      "herder upgrade -s=- --timeout=-1s --",
		"help":                            "herder --help",
		"run -h x":                        "herder run -h -- x",
		"--version":                       "herder version --",
		"-v":                              "herder version --",
		"-v ready":                        "herder ready -v --",

		"unicornherder -uunicorn -ptmp/u.pid -t5":   "herder unicornherder -u=unicorn -p=tmp/u.pid -t=5 --",
		"unicornherder --pid X --over 1 --time=3 a": "herder unicornherder --pidfile=X --overlap=1 --timeout=3 --",
		"unicornherder --pidfile=X -pid x":          "herder unicornherder --pidfile=X -p=id --",
		"unicornherder -pa=b -o-1 --gunicorn-b=c=d": "herder unicornherder -p=a=b -o=-1 --gunicorn-bin=c=d --",
		"unicornherder --he":                        "herder unicornherder --help --",
		"unicornherder app --pid X":                 "herder unicornherder --",
	} {
		l, err := arrange(newApp(io.Discard, io.Discard), strings.Fields(words))
		if err != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		if got := strings.Join(l.argv, " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", words, got, want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for words, want := range map[string]string{
		"unicornherder --uni unicorn": "unicornherder: --uni can be --unicorn or --unicorn-bin: write it whole",
		"unicornherder --pidfiel=X":   "unicornherder: unknown flag --pidfiel, did you mean --pidfile?",
		"unicornherder -vx":           "unicornherder: unknown flag -vx (herder unicornherder --help lists them)",
		"unicornherder -u unicorn -p": "unicornherder: -p needs a value",
		"--bogus=1":                   "unknown flag --bogus, and no command (herder help lists them)",
		"-x":                          "unknown flag -x, and no command (herder help lists them)",
		"--bogus status":              "status: unknown flag --bogus (herder status --help lists them)",
		"status --outp=json":          "status: unknown flag --outp, did you mean --output?",
	} {
		_, err := arrange(newApp(io.Discard, io.Discard), strings.Fields(words))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
}

func TestArrangeLeavesTheCommandAlone(t *testing.T) {
	command := []string{"app", "--workers", "9", "--", "-c", "", "--help"}
	args := append([]string{"--name", "a", "run", "--workers", "2", "--"}, command...)
	l, err := arrange(newApp(io.Discard, io.Discard), args)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.command, command) || strings.Join(l.argv, " ") != "herder run --name=a --workers=2 --" {
		t.Errorf("%q, command %q", l.argv, l.command)
	}
	for _, none := range [][]string{{"run"}, {"run", "--"}} {
		l, err := arrange(newApp(io.Discard, io.Discard), none)
		if err != nil || (l.command == nil) != (len(none) == 1) {
			t.Errorf("%q: %q, %v", none, l.command, err)
		}
	}
}

// What config is told is what was written: options stay behind their comma,
// blanks where they are, in the order of the settings.
func TestRunFlags(t *testing.T) {
	app := newApp(io.Discard, io.Discard)
	var got config.Flags
	app.Commands[0].Action = func(c *cli.Context) error {
		got = runFlags(c, []string{"app"})
		return nil
	}
	l, err := arrange(app, []string{
		"--env", "A= b,c ", "--bind", ":80,name=web,backlog=9", "run", "--workers=3", "--bind=:81", "--rolling", "--log-prefix=false",
		"--ready", "exec:a b", "--dir", "", "--workers", "4",
	})
	if err == nil {
		err = app.Run(l.argv)
	}
	want := config.Flags{Command: []string{"app"}, Values: []config.Flag{
		{Name: "--bind", Key: "bind", Value: ":80,name=web,backlog=9"}, {Name: "--bind", Key: "bind", Value: ":81"},
		{Name: "--workers", Key: "workers", Value: "4"}, {Name: "--dir", Key: "directory", Value: ""},
		{Name: "--env", Key: "env", Value: "A= b,c "}, {Name: "--ready", Key: "ready", Value: "exec:a b"},
		{Name: "--rolling", Key: "rolling", Value: "true"}, {Name: "--log-prefix", Key: "log.prefix", Value: "false"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// Every setting is a key of the file, so that none is silently without effect.
func TestSettingsAreKeys(t *testing.T) {
	for _, s := range settings() {
		_, err := config.Load("", config.Flags{Values: []config.Flag{{Name: "--x", Key: s.key, Value: "\x00"}}, Command: []string{"true"}})
		if err == nil {
			t.Errorf("--%s: nobody reads the key %s", s.flag, s.key)
		}
	}
}

// FuzzArrange: any command line is arranged or refused in one line, and what
// is behind -- comes through.
func FuzzArrange(f *testing.F) {
	for _, s := range []string{"status\x00-o\x00json", "run\x00--\x00a\x00--", "-\x00--\x00", "scale\x00-2\x00--name", "--name\x00=\x00-h\x00stop"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, "\x00")
		l, err := arrange(newApp(io.Discard, io.Discard), args)
		if err != nil {
			if text := err.Error(); text == "" || err.(*exit).code != 64 {
				t.Errorf("%q: %v", args, err)
			}
			return
		}
		if i := slices.Index(args, "--"); i >= 0 && !slices.Equal(l.command, args[i+1:]) {
			t.Errorf("%q: command %q", args, l.command)
		}
		if len(l.argv) < 2 {
			t.Errorf("%q: %q", args, l.argv)
		}
	})
}
