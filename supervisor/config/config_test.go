package config

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

const command = "command = ['true']\n"

func TestEverything(t *testing.T) {
	c := load(t, `
name = "shop"
command = "bin/app --fd {fd:web} 'two words'"
directory = "/srv/shop/current"
user = "0:0"
bind = [":8080,name=web", "run/app.sock", "unix:@abstract", "inherit:other"]
workers = 4
rolling = true
pidfile = "tmp/app.pid"
herder_pidfile = "/run/h.pid"
runtime_dir = "run"
ready = "http:/healthz"
ready_timeout = "2m"
overlap = "5s"
stop_timeout = "1h"
start_tries = 9
watchdog = "10s"
graceful = "SIGQUIT"
quick = "kill"
umask = "0027"
nice = -5
env.RAILS_ENV = "production"
env."a b" = ""
[limits]
nofile = 1024
core = "0:unlimited"
[log]
file = "log/app.log"
format = "json"
prefix = true
`)
	nice := -5
	want := &Config{
		File: c.File, Name: "shop", Directory: "/srv/shop/current",
		Command: []string{"bin/app", "--fd", "{fd:web}", "two words"},
		User:    &proc.User{Name: "root", Groups: c.User.Groups, Home: c.User.Home},
		Env:     map[string]string{"RAILS_ENV": "production", "a b": ""},
		Bind: []handoff.Spec{
			{Name: "web", Network: "tcp", Address: ":8080"},
			{Network: "unix", Address: "/srv/shop/current/run/app.sock"},
			{Network: "unix", Address: "@abstract"},
			{Network: "inherit", Address: "other"},
		},
		Workers: 4, Rolling: true, Dialect: "command", DialectWhy: "no server is known by that command line", Kind: dialect.Pool,
		Pidfile: "/srv/shop/current/tmp/app.pid", HerderPidfile: "/run/h.pid", RuntimeDir: "/srv/shop/current/run",
		Ready:        ready.How{Kind: ready.KindHTTP, Path: "/healthz", StatusMin: 200, StatusMax: 399},
		ReadyTimeout: 2 * time.Minute, Overlap: 5 * time.Second, StopTimeout: time.Hour,
		StartTries: 9, Watchdog: 10 * time.Second, Graceful: "QUIT", Quick: "KILL", Umask: 0o27, Nice: &nice,
		Rlimits: []proc.Rlimit{{Resource: 4, Soft: 0, Hard: proc.Unlimited}, {Resource: 7, Soft: 1024, Hard: 1024}},
		LogFile: "/srv/shop/current/log/app.log", LogFormat: "json", LogPrefix: true,
	}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{}), cmp.FilterPath(isDocument, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
}

func isDocument(p cmp.Path) bool { return p.Last().String() == ".doc" }

func TestReferenceIsTheDefault(t *testing.T) {
	c, err := Load("reference.toml", Flags{})
	if err != nil {
		t.Fatal(err)
	}
	bare := load(t, command)
	same := []string{"name", "command", "directory", "bind", "runtime_dir"}
	changed := slices.DeleteFunc(c.Changed(bare), func(key string) bool { return slices.Contains(same, key) })
	if len(changed) > 0 {
		t.Errorf("reference.toml says something else than the default for %v", changed)
	}
}

func TestReferenceShowsEveryKey(t *testing.T) {
	text, err := os.ReadFile("reference.toml")
	if err != nil {
		t.Fatal(err)
	}
	// Uncommented, each key is good too.
	all := regexp.MustCompile(`(?m)^# (\w+ = .*)$`).ReplaceAll(text, []byte("$1"))
	file := write(t, string(all))
	r := read(file, Flags{})
	if len(r.mistakes) > 0 {
		t.Fatal(r.mistakes.Error())
	}
	for _, k := range keys() {
		if _, ok := r.doc.keys[strings.ReplaceAll(k.name, ".", "\x00")]; !ok {
			t.Errorf("%s is not in reference.toml", k.name)
		}
	}
	for _, name := range append(limitNames(), handoff.OptionNames()...) {
		if !bytes.Contains(text, []byte(name)) {
			t.Errorf("%s is not in reference.toml", name)
		}
	}
}

func TestFlagsWin(t *testing.T) {
	c, err := Load(write(t, "command = 'file'\nworkers = 2\nbind = [':1', ':2']\nlog.format = 'json'\n[env]\nA = 'file'\nB = 'file'\n"), Flags{
		Values: []Flag{
			{"--workers", "workers", "8"}, {"--bind", "bind", ":3"}, {"--bind", "bind", ":4,name=four"}, {"--rolling", "rolling", "true"},
			{"--env", "env", "A=flag=1"}, {"--env", "env", "C="}, {"--log-format", "log.format", "text"}, {"--dir", "directory", "/"},
		},
		Command: []string{"flag", "$HOME|", ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	var binds []string
	for _, b := range c.Bind {
		binds = append(binds, b.String())
	}
	got := []any{c.Command, c.Workers, binds, c.Rolling, c.Env, c.LogFormat, c.Directory}
	want := []any{[]string{"flag", "$HOME|", ""}, 8, []string{"tcp::3", "tcp::4,name=four"}, true, map[string]string{"A": "flag=1", "B": "file", "C": ""}, "text", "/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultNameAndRuntimeDir(t *testing.T) {
	dir := t.TempDir()
	herderToml := filepath.Join(dir, "herder.toml")
	for _, file := range []string{herderToml, filepath.Join(dir, "shop.toml")} {
		if err := os.WriteFile(file, []byte(command+"directory = '/srv/site/current'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dirFlag := []Flag{{"--dir", "directory", "/srv/x y"}}
	for _, test := range []struct {
		file  string
		flags Flags
		want  string
	}{
		{filepath.Join(dir, "shop.toml"), Flags{}, "shop"},
		{herderToml, Flags{}, "site"},
		{"", Flags{Values: dirFlag, Command: []string{"/bin/app"}}, "x-y"},
		{"", Flags{Command: []string{"/usr/bin/app.py"}}, "app.py"},
		{"", Flags{Command: []string{"..."}}, "app"},
	} {
		c, err := Load(test.file, test.flags)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != test.want || c.RuntimeDir != filepath.Join(RuntimeBase(), test.want) {
			t.Errorf("%s %v: name %q, runtime directory %s", test.file, test.flags, c.Name, c.RuntimeDir)
		}
	}
}

func TestDirectoryIsRelativeToTheFile(t *testing.T) {
	file := write(t, command+"directory = 'app'\npidfile = 'a.pid'\n")
	c, err := Load(file, Flags{})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(file), "app"); c.Directory != want || c.Pidfile != want+"/a.pid" {
		t.Errorf("directory %s, pid file %s", c.Directory, c.Pidfile)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if c := load(t, command); c.Directory != here {
		t.Errorf("default directory %s", c.Directory)
	}
	if c := load(t, command, Flag{"--dir", "directory", "app"}); c.Directory != filepath.Join(here, "app") {
		t.Errorf("a flag: directory %s", c.Directory)
	}
}

func TestSocketDoesNotNeedAGoodFile(t *testing.T) {
	file := write(t, "name = 'shop'\nruntime_dir = '/x'\nworkers = -1\n")
	if path, err := Socket(file, Flags{}); err != nil || path != "/x/control.sock" {
		t.Errorf("%s, %v", path, err)
	}
	if path, err := Socket("", Flags{Values: []Flag{{"--name", "name", "abc"}}}); err != nil || path != RuntimeBase()+"/abc/control.sock" {
		t.Errorf("%s, %v", path, err)
	}
	for _, bad := range []string{write(t, "name = \n"), "/nonexistent/x.toml"} {
		if _, err := Socket(bad, Flags{}); err == nil || !strings.HasPrefix(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestChangedNamesKeysNotValues(t *testing.T) {
	a := load(t, command+"env.SECRET = 'a'\n")
	b := load(t, command+"env.SECRET = 'b'\nworkers = 2\nruntime_dir = '/x'\nname = 'shop'\n[log]\nprefix = true\n")
	if diff := cmp.Diff([]string{"env", "workers", "runtime_dir", "log.prefix"}, a.Changed(b)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"runtime_dir"}, a.Fixed(b)); diff != "" {
		t.Error(diff)
	}
	if a.Equal(b) || !a.Equal(load(t, "# other place\n"+command+"[env]\nSECRET = \"a\"\n")) {
		t.Error("Equal")
	}
}

func TestLook(t *testing.T) {
	file := write(t, "command = ['no-such-program', '{fd:web}']\ndirectory = '/'\nbind = ':80,name=www'\npidfile = '/nowhere/x.pid'\n")
	c, err := Load(file, Flags{})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.ReplaceAll(c.Look().Error(), file+":", ""), "\n")
	want := []string{`1:1: cannot expand "{fd:web}": no listener is named "web"`, "1:12: cannot find no-such-program", "4:11: cannot write /nowhere/x.pid: its folder: no such file"}
	if len(got) != 3 {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
	for _, dir := range []string{"/nowhere", "/dev/null"} {
		c := load(t, command+"directory = '"+dir+"'\n")
		if err := c.Look(); err == nil || !strings.Contains(err.Error(), ":2:13: cannot use directory "+dir) {
			t.Errorf("%v", err)
		}
	}
	if err := load(t, "command = 'true {fd:web} {port:web}'\ndirectory = '/'\nbind = ':80,name=web'\n").Look(); err != nil {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"workers", "overlap", "bind", "name", "nice"}
	for word, want := range map[string]string{"worker": "workers", "wrokers": "workers", "bnid": "bind", "nam": "name", "zebra": "", "": "", "overlaps": "overlap"} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		`a b  c`:              {"a", "b", "c"},
		`a 'b c' "d e"`:       {"a", "b c", "d e"},
		`a '' ""`:             {"a", "", ""},
		`a\ b \'c`:            {"a b", "'c"},
		`"a\"b\c\\"`:          {`a"b\c\`},
		`'$HOME|' "*?" \$x`:   {"$HOME|", "*?", "$x"},
		`a'b'"c"d`:            {"abcd"},
		"a\n b\t{fd:web}=~#!": {"a", "b", "{fd:web}=~#!"},
	} {
		if got, err := split(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for text, at := range map[string]int{"a $b": 2, "a `b`": 2, `"$a"`: 1, "a|b": 1, "a 'b": 2, `a "b`: 2, `a \`: 2, "a;": 1, "a&": 1, "a>b": 1, "a *": 2, "(a)": 0} {
		_, err := split(text)
		if bad, ok := err.(*splitError); !ok || bad.at != at {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := split("  \n"); err == nil {
		t.Error("blank")
	}
}

// Where the workers' lines go must be writable, or they are lost in silence.
func TestLookAtTheLog(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.log")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		there: "", filepath.Join(dir, "to-come.log"): "", "/dev/null": "",
		dir:                 "is a directory",
		"/nowhere/app.log":  "its folder: no such file or directory",
		"/dev/null/app.log": "not a directory",
	} {
		c := load(t, command+"directory = '/'\n[log]\nfile = '"+path+"'\n")
		err := c.Look()
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if err == nil || !strings.HasSuffix(err.Error(), ":4:8: cannot write log.file "+path+": "+want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "to-come.log")); err == nil {
		t.Error("looking made it")
	}
}
