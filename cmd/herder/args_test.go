package main

import (
	"io"
	"slices"
	"strings"
	"testing"
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
