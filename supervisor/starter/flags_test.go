package starter

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFlagsAreReadAsGetoptDoes(t *testing.T) {
	for _, line := range []string{
		"--interval=3 --dir /srv --signal-on-hup SIGUSR1 -- app -x",
		"--interval 3 --dir=/srv --signal-on-hup=usr1 app -- -x",
		"app -interval 3 -dir /srv -signal-on-h USR1 -- -x",
		"--INT 3 --di /srv --signal-on-hup sigusr1 app -- -x",
	} {
		c, err := Parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := []any{c.Interval, c.Dir, c.SignalOnHUP, c.SignalOnTERM, strings.Join(c.Argv, " ")}
		if want := []any{3 * time.Second, "/srv", "USR1", "TERM", "app -x"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}

func TestMistakesAreSaid(t *testing.T) {
	for line, want := range map[string]string{
		"":                          "no program to start",
		"--prot 80 -- app":          "unknown flag --prot",
		"--signal TERM -- app":      "--signal can be --signal-on-hup or --signal-on-term",
		"--interval":                "--interval needs a value",
		"--interval 0.5 -- app":     "not a number of seconds",
		"--interval -1 -- app":      "not a number of seconds",
		"--daemonize=1 -- app":      "takes no value",
		"--daemonize -- app":        "--daemonize needs --log-file",
		"--restart --pid-file p":    "--restart needs --pid-file and --status-file",
		"--stop":                    "--stop needs --pid-file",
		"--signal-on-hup NO -- app": "--signal-on-hup",
		"--backlog many -- app":     "not a number",
		"--port web -- app":         `"web" is not a port`,
		"--port 70000 -- app":       `"70000" is not a port`,
		"--port :80 -- app":         "no host in front of the colon",
		"--port [::g]:80 -- app":    "not an IPv6 address",
		"--port 80=x -- app":        "not a descriptor",
		"--port 80=70000 -- app":    "not a descriptor",
		"--port 80 --port 80 -- a":  "tcp:0.0.0.0:80 is listed twice",
		"--port u80 --port u80 a":   "udp:0.0.0.0:80 is listed twice",
		"--path /x --path //x -- a": "is listed twice",
		"--port 80=5 --port 81=5 a": "two listeners cannot both be descriptor 5",
		"--path a;b -- app":         "a worker could not read it",
		"--path /run/ -- app":       "slash",
	} {
		_, err := Parse(strings.Fields(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestListenersAreToldAsTheUserWroteThem(t *testing.T) {
	for line, want := range map[string]string{
		"app": "",
		"--port 8080 --port 127.0.0.1:8081 --path /s app":         "8080=3;127.0.0.1:8081=4;/s=5",
		"--path /s --port u53 --port localhost:u54 app":           "53=3;localhost:54=4;/s=5",
		"--port [::1]:80 --port ::1:81 app":                       "[::1]:80=3;[::1]:81=4",
		"--port 80=0 --port 81 --port 82=4 --port 83 --path /s=9": "80=0;81=3;82=4;83=5;/s=9",
		"--port 80=3 --port 81 --path s":                          "80=3;81=4;s=5",
	} {
		c, err := Parse(append(strings.Fields(line), "app"))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := c.Port(); got != want {
			t.Errorf("%s: SERVER_STARTER_PORT=%s, want %s", line, got, want)
		}
	}
	c, err := Parse(strings.Fields("--port 80 --port [::]:81 --port u82 --path /s --backlog 7 app"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"tcp:0.0.0.0:80,backlog=7", "tcp:[::]:81,backlog=7,ipv6only", "udp:0.0.0.0:82", "unix:/s,backlog=7,mode=0777"} {
		if got := c.Specs()[i].String(); strings.TrimPrefix(got, "tcp:") != strings.TrimPrefix(want, "tcp:") {
			t.Errorf("bound is %s, want %s", got, want)
		}
	}
}

func TestListenersMayShareAPortNumberOrAFileName(t *testing.T) {
	long := strings.Repeat("n", 100) // of a file; as the name of a listener a part of it is the end
	for line, want := range map[string]string{
		"--port 18080 --port u18080":                 "18080=3;18080=4",
		"--port 80 --port [::]:80 --port [::1]:u80":  "80=3;[::]:80=4;[::1]:80=5",
		"--port 127.0.0.1:80 --port 127.0.0.2:80":    "127.0.0.1:80=3;127.0.0.2:80=4",
		"--port 18080 --path 18080":                  "18080=3;18080=4",
		"--path a/x.sock --path b/x.sock":            "a/x.sock=3;b/x.sock=4",
		"--path x-2 --path a/x --path b/x":           "x-2=3;a/x=4;b/x=5",
		"--path a/" + long + " --path b/" + long:     "a/" + long + "=3;b/" + long + "=4",
		"--port 0 --port 0 --port u0":                "0=3;0=4;0=5",
		"--port 127.0.0.1:0 --port 127.0.0.1:0":      "127.0.0.1:0=3;127.0.0.1:0=4",
		"--port 80=7 --port 127.0.0.1:u80 --path 80": "80=7;127.0.0.1:80=3;80=4",
	} {
		c, err := Parse(append(strings.Fields(line), "app"))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := c.Port(); got != want {
			t.Errorf("%s: SERVER_STARTER_PORT=%s, want %s", line, got, want)
		}
		names := map[string]bool{}
		for _, s := range c.Specs() {
			if err := s.Validate(); err != nil || names[s.DefaultName()] {
				t.Errorf("%s: a listener is named %q: %v", line, s.DefaultName(), err)
			}
			names[s.DefaultName()] = true
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, f := range flags {
		if !strings.Contains(Help(), "\n   --"+f.name+" ") {
			t.Errorf("--help does not name --%s", f.name)
		}
	}
}
