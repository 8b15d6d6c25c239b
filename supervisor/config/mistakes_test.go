package config

import (
	"strings"
	"testing"
)

// wrongFile is a text and the beginnings of its mistakes.
type wrongFile struct {
	text string
	want []string
}

func (w wrongFile) try(t *testing.T, name string) {
	t.Helper()
	got := complaints(t, w.text)
	for i := range max(len(got), len(w.want)) {
		if i >= len(got) || i >= len(w.want) || !strings.HasPrefix(strings.TrimSpace(got[i]), w.want[i]) {
			t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(w.want, "\n     "))
			return
		}
	}
}

func TestAllMistakesAreFoundAtOnce(t *testing.T) {
	wrongFile{

		"worker = 4\nbind = ['127.0.0.1:99999', ':80', ':80']\nworkers = -2\nready_timeout = '5 apples'\n" + command +
			"graceful = 'SIGTREM'\nuser = 'no-such-user'\nlog.fil = 1\n[limits]\nnofiles = 1\ncore = '2:1'\n[env]\nA = 1\nLISTEN_FDS = '3'\n",
		[]string{
			`1:1: unknown key "worker", did you mean "workers"?`,
			`2:9: cannot read listener "127.0.0.1:99999": port "99999" is not a number from 0 to 65535`,
			`2:35: tcp::80 is listed twice`,
			`3:11: -2 is not between 1 and 1000`,
			`4:17: "5 apples" is not a duration: write it as 500ms, 30s, 1m30s or 2h`,
			`6:12: graceful: unknown signal "SIGTREM", did you mean "TERM"?`,
			`7:8: cannot find user "no-such-user"`,
			`8:5: unknown key "fil", did you mean "file"?`,
			`10:1: unknown key "nofiles", did you mean "nofile"?`,
			`11:8: limits.core must be a number, "SOFT:HARD" or "unlimited", the soft limit not above the hard one`,
			`13:5: env.A must be a string, this is an integer`,
			`14:14: LISTEN_FDS is set by herder for each worker`,
		},
	}.try(t, "all at once")
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	for name, file := range map[string]wrongFile{
		"no command":  {"workers = 1\n", []string{`there is no command: write command = ["…"], or give one after --`}},
		"syntax":      {"workers = \n", []string{"1:11: "}},
		"reuseport":   {command + "workers = 2\nbind = ':80,reuseport=4'\n", []string{"3:8: reuseport=4 of tcp::80,reuseport=4 needs as many workers, and workers is 2: nobody would"}},
		"key twice":   {command + "workers = 1\nworkers = 2\n", []string{"3:1: "}},
		"table twice": {command + "[log]\n[log]\n", []string{"3:"}},
		"wrong kinds": {"command = 1\nenv = 'x'\nlimits = 1\nlog = 'x'\nrolling = 'yes'\nworkers = '4'\nbind = 1979-05-27\nname = ['x']\noverlap = 5\n", []string{
			"1:11: command must be a string or an array of strings, this is an integer",
			`2:7: env must be a table of NAME = "value", this is a string`,
			"3:10: limits must be a table, as nofile = 65536, this is an integer",
			"4:7: log is a table: write log.file = …",
			"5:11: rolling must be true or false, this is a string",
			"6:11: workers must be an integer, this is a string",
			"7:8: bind must be a string or an array of strings, this is a date or time",
			"8:1: name must be a string, this is an array",
			`9:11: overlap must be a duration in quotes, as "30s", this is an integer`,
		}},
		"unknown tables": {command + "[sockets]\na = 1\n[[listener]]\nx = 1\n", []string{`2:2: unknown key "sockets"`, `4:3: unknown key "listener"`}},
		"empty":          {"command = []\nname = ''\npidfile = ''\nbind = ['']\n", []string{"1:1: the command is empty", "2:8: name is empty", "3:11: pidfile is empty", "4:9: bind is empty"}},
		"inline": {"command = ['a', 2]\nlog = {format = 'xml'}\nenv = { 'A=B' = 'x' }\n", []string{
			"1:17: command must be a string, this is an integer", `2:17: "xml" is no format of a log: text or json`, `3:17: "A=B" cannot be the name of a variable`,
		}},
		"out of range": {command + "nice = 20\numask = 22\nstart_tries = 0\nstop_timeout = '0s'\noverlap = '-1s'\nwatchdog = '999999h'\ngraceful = 'KILL'\nquick = 'STOP'\nname = '../x'\n", []string{
			"2:8: 20 is not", `3:9: umask must be octal`, "4:15: 0 is not", "5:16: 0s is not", "6:11: -1s is not", "7:12: 999999h",
			"8:12: graceful cannot be KILL", "9:9: quick cannot be STOP", "10:8: \"../x\" cannot be a name",
		}},
		"shell":     {"command = 'bin/app $PORT'\n", []string{`1:20: command: '$' is for a shell, and there is none`}},
		"pipe":      {"command = \"a | b\"\n", []string{`1:14: command: '|' is for a shell`}},
		"variables": {"command = 'A=1 b'\n", []string{"1:11: command: A=1 is for a shell, and there is none: write A under [env]"}},
		"one file":  {command + "pidfile = 'a'\nherder_pidfile = './a'\n", []string{"3:18: pidfile and herder_pidfile are the same file"}},
		"NUL":       {"# \n\x00", []string{"2:1: a NUL byte: this is not a text file"}},
	} {
		file.try(t, name)
	}
}

func TestALongListOfMistakesIsCut(t *testing.T) {
	got := complaints(t, command+strings.Repeat("x", 3)+" = 1\n"+manyUnknown(200))
	if len(got) != maxMistakes+1 || !strings.Contains(got[maxMistakes], "and 151 mistakes more") {
		t.Errorf("%d mistakes, the last: %s", len(got), got[len(got)-1])
	}
}

func manyUnknown(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("zz" + strings.Repeat("z", i) + " = 1\n")
	}
	return b.String()
}

func TestMistakesInFlagsNameTheFlag(t *testing.T) {
	_, err := Load("", Flags{
		Values: []Flag{
			{"--workers", "workers", "many"}, {"--bind", "bind", ":1"}, {"--bind", "bind", "nowhere"}, {"--env", "env", "novalue"},
			{"--ready-timeout", "ready_timeout", "soon"}, {"--rolling", "rolling", "perhaps"},
		},
		Command: []string{""},
	})
	want := []string{
		"--: the command is empty",
		`--bind: cannot read listener "nowhere"`,
		`--env: "novalue" is not NAME=value`,
		`--ready-timeout: "soon" is not a duration`,
		`--rolling: "perhaps" is neither true nor false`,
		`--workers: "many" is not a number`,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%s", err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
	if _, err := Load("", Flags{}); err == nil || err.Error() != "there is no command: give one after --, or a file with -c" {
		t.Errorf("nothing at all: %v", err)
	}
}
