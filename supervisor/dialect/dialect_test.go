package dialect

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEverySpellingIsASignal(t *testing.T) {
	for _, r := range rows {
		for verb, name := range r.Says {
			if name == "" {
				continue
			}
			if _, err := Signal(name); err != nil {
				t.Errorf("%s says verb %d: %v", r.Name, verb, err)
			}
		}
	}
}

// What whoever reads a row counts on.
func TestRowsAreWhole(t *testing.T) {
	seen := map[string]string{}
	for _, r := range Rows() {
		for _, name := range append(append([]string{"row " + r.Name}, r.Programs...), r.Modules...) {
			if other := seen[name]; other != "" && other != r.Name {
				t.Errorf("%s is %s and %s", name, other, r.Name)
			}
			seen[name] = r.Name
		}
		switch {
		case r.About == "" || r.Says[Graceful] == "" || r.Says[Quick] == "" || r.Says[Graceful] == r.Says[Quick] || r.Means == 0:
			t.Errorf("%s lacks something: %+v", r.Name, r)
		case !r.Can(r.Kind) || !r.Can(r.Alone):
			t.Errorf("%s cannot start its successor, and is to", r.Name)
		case r.Means&Listen != 0 && r.DaemonMeans == Listen, r.DaemonMeans != 0 && len(r.Daemon) == 0:
			t.Errorf("%s: means of a daemon: %v", r.Name, r.DaemonMeans)
		case r.Name != "command" && len(r.Traps) == 0:
			t.Errorf("%s has no traps: there is no such server", r.Name)
		case len(r.Clean) == 0 || r.Clean[0] != "exit 0":
			t.Errorf("%s ends well by %q", r.Name, r.Clean)
		}
		for _, how := range r.Clean {
			if name, ok := strings.CutPrefix(how, "killed by SIG"); ok {
				if _, err := Signal(name); err != nil {
					t.Errorf("%s ends well by %q: %v", r.Name, how, err)
				}
			}
		}
		for _, trap := range r.Traps {
			if !strings.HasSuffix(trap, ".") {
				t.Errorf("%s: no sentence: %s", r.Name, trap)
			}
		}
	}
}

func TestCommandRow(t *testing.T) {
	r, ok := Find("command")
	if !ok || r.Kind != Pool {
		t.Fatalf("no row for a plain command: %v", r)
	}
	if got := r.With("QUIT", ""); got.Says[Graceful] != "QUIT" || got.Says[Quick] != "INT" {
		t.Errorf("With(QUIT) says %v", got.Says)
	}
	if _, ok := Find("sheep"); ok {
		t.Error("found a server that does not exist")
	}
}

func TestSignal(t *testing.T) {
	good := map[string]unix.Signal{
		"TERM": unix.SIGTERM, "SIGTERM": unix.SIGTERM, "term": unix.SIGTERM, " 15 ": 15, "9": unix.SIGKILL,
		"RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX": 64, "RTMAX-1": 63, "WINCH": unix.SIGWINCH,
	}
	for name, want := range good {
		if got, err := Signal(name); got != want || err != nil {
			t.Errorf("Signal(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "0", "65", "-1", "SIG", "NOPE", "RTMIN3", "RTMIN+99", "RTMAX+1", "RTMIN+", "SIGSIGTERM"} {
		if got, err := Signal(name); err == nil {
			t.Errorf("Signal(%q) = %v, want an error", name, got)
		}
	}
}

func FuzzSignal(f *testing.F) {
	f.Add("SIGRTMIN+3")
	f.Add("TERM")
	f.Add("99999999999999999999")
	f.Fuzz(func(t *testing.T, name string) {
		if sig, err := Signal(name); err == nil && (sig < 1 || sig > rtmax) {
			t.Errorf("Signal(%q) = %d", name, sig)
		}
	})
}

func TestPrivate(t *testing.T) {
	for _, key := range []string{"LISTEN_FDS", "LISTEN_PIDFDID", "NOTIFY_SOCKET", "EINHORN_FD_3", "PUMA_INHERIT_0", "HERDER_WORKER"} {
		if !Private(key) {
			t.Errorf("%s would be passed on", key)
		}
	}
	for _, key := range []string{"PATH", "HOME", "LISTEN", "EINHORN", "HERDER_SOCKET", "PORT"} {
		if Private(key) {
			t.Errorf("%s would not be passed on", key)
		}
	}
}
