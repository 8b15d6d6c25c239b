package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herderd/herder/supervisor/control"
)

// played serves a herder which gives one answer to everything.
func played(t *testing.T, reply control.Reply) (socket string, asked chan control.Request) {
	t.Helper()
	dir, err := os.MkdirTemp("", "herder")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	asked = make(chan control.Request, 10)
	socket = filepath.Join(dir, "run", "control.sock")
	s, err := control.Serve(socket, func(_ context.Context, r control.Request) control.Reply {
		asked <- r
		return reply
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return socket, asked
}

// client runs a command line.
func client(args ...string) (code int, stdout, stderr string) {
	var out, err strings.Builder
	code = herder(args, &out, &err)
	return code, out.String(), err.String()
}

func TestUpgradeTellsTheVerdict(t *testing.T) {
	verdict := func(v, reason string, tail ...string) *control.Verdict {
		return &control.Verdict{Verdict: v, Reason: reason, From: 7, To: 8, Seconds: 1.2344, Serves: 7, Tail: tail}
	}
	for _, test := range []struct {
		reply       control.Reply
		out, stderr string
	}{
		{control.Reply{Verdict: verdict(control.Upgraded, "")}, "upgraded: generation 8 serves, after generation 7, in 1.234s\n", ""},
		{control.Reply{Code: 1, Error: "x", Verdict: verdict(control.RolledBack, "exit 1", "boom", "at line 3")}, "",
			"herder: upgrade rolled back after 1.234s: generation 8: exit 1; generation 7 serves on\nherder: | boom\nherder: | at line 3\n"},
		{control.Reply{Code: 1, Error: "x", Verdict: &control.Verdict{Verdict: control.RolledBack, Reason: "exit 1", From: 7, To: 8}}, "",
			"herder: upgrade rolled back after 0s: generation 8: exit 1; generation 7 is gone, so another one is tried\n"},
		{control.Reply{Code: 78, Error: "x", Verdict: verdict(control.NotTried, "app.toml:2:1: unknown key")}, "",
			"herder: upgrade refused, nothing has changed: app.toml:2:1: unknown key\n"},
		{control.Reply{Code: 75, Error: "another upgrade runs"}, "", "herder: upgrade: another upgrade runs\n"},
		{control.Reply{Code: 124, Error: "timed out"}, "", "herder: upgrade: timed out\n"},
	} {
		socket, asked := played(t, test.reply)
		code, out, stderr := client("upgrade", "--timeout", "90s", "--socket", socket)
		if code != test.reply.Code || out != test.out || stderr != test.stderr {
			t.Errorf("%+v: exit %d\n%s%s", test.reply, code, out, stderr)
		}
		if r := <-asked; r.Do != control.DoUpgrade || r.Timeout != "1m30s" {
			t.Errorf("asked %+v", r)
		}
	}
}

func TestRequestsOfTheOtherClients(t *testing.T) {
	socket, asked := played(t, control.Reply{Code: 1, Error: "no"}) // stop does not wait for us to end
	t.Setenv("HERDER_SOCKET", socket)
	for words, want := range map[string]control.Request{
		"stop":                   {Do: "stop"},
		"stop --now":             {Do: "stop", Now: true},
		"scale -2":               {Do: "scale", Arg: "-2"},
		"scale +1":               {Do: "scale", Arg: "+1"},
		"signal sigusr1":         {Do: "signal", Arg: "USR1", To: "workers"},
		"signal --to=old 'QUIT'": {},
		"signal QUIT --to old":   {Do: "signal", Arg: "QUIT", To: "old"},
		"ready":                  {Do: "ready"},
		"status":                 {Do: "status"},
	} {
		code, _, stderr := client(strings.Fields(words)...)
		if want.Do == "" {
			if code != control.Usage {
				t.Errorf("%s: exit %d", words, code)
			}
			continue
		}
		want.V = control.Version
		if got := <-asked; got != want {
			t.Errorf("%s: asked %+v", words, got)
		}
		if code != 1 || want.Do != "ready" && !strings.HasSuffix(stderr, ": no\n") || want.Do == "ready" && stderr != "" {
			t.Errorf("%s: exit %d: %s", words, code, stderr)
		}
	}
}

func TestScaleSaysWhatBecameOfIt(t *testing.T) {
	for _, test := range []struct {
		reply       control.Reply
		out, stderr string
	}{
		{control.Reply{}, "", ""},
		{control.Reply{Note: "1000 workers, not 5000: there may be no more"}, "1000 workers, not 5000: there may be no more\n", ""},
		{control.Reply{Code: control.Refused, Error: "cannot have 0 workers"}, "", "herder: scale: cannot have 0 workers\n"},
	} {
		socket, asked := played(t, test.reply)
		code, out, stderr := client("scale", "5000", "--socket", socket)
		if code != test.reply.Code || out != test.out || stderr != test.stderr {
			t.Errorf("%+v: exit %d\n%s%s", test.reply, code, out, stderr)
		}
		<-asked
	}
}

// full is a status with something of everything.
func full() *control.Status {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	worker := func(id int, state string, restarts int) control.Worker {
		return control.Worker{ID: id, PID: 100 + id, State: state, Since: at, Restarts: restarts}
	}
	return &control.Status{
		Name: "web", PID: 1, State: "upgrading",
		Serving: &control.Generation{Generation: 7, Want: 2, Master: &control.Master{PID: 8123, Start: at},
			Workers: []control.Worker{worker(0, "up", 1), worker(1, "up", 2)}},
		Successor: &control.Generation{Generation: 8, Want: 2, Master: &control.Master{PID: 8200, Start: at.Add(50 * time.Hour)},
			Workers: []control.Worker{worker(0, "booting", 0)}},
		Retiring: []control.Generation{{Generation: 6, Want: 2, Master: &control.Master{PID: 7001, Start: at.Add(-time.Minute)},
			Workers: []control.Worker{worker(1, "leaving", 0)}}},
		Listeners:   []control.Listener{{Name: "a", Address: "tcp:127.0.0.1:80", Queued: 3, Backlog: 1000}, {Name: "b", Address: "unix:/x", Backlog: 24}},
		LastUpgrade: &control.Verdict{Verdict: control.RolledBack, Reason: "exit 1\nmore", From: 6, To: 7},
	}
}

func TestStatusTable(t *testing.T) {
	var out strings.Builder
	now := time.Date(2026, 11, 27, 14, 0, 5, 0, time.UTC)
	if err := table(&out, full(), now); err != nil {
		t.Fatal(err)
	}
	want := `
NAME  GEN  STATE      READY  MASTER  RESTARTS  QUEUED  UPTIME  NOTE
web   7    upgrading  2/2    8123    3         3/1024  2d2h    last upgrade rolled back: exit 1
web   8    successor  0/2    8200    0         -       5s      not ready yet
web   6    retiring   0/2    7001    0         -       2d2h    workers not gone yet: 1
`
	if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := table(&out, &control.Status{Name: "jobs", State: "starting"}, now); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(strings.Split(out.String(), "\n")[1]); strings.Join(got, " ") != "jobs - starting - - - - -" {
		t.Errorf("%q", got)
	}
}

func TestStatusTableOfTrouble(t *testing.T) {
	now := time.Date(2026, 11, 27, 14, 0, 5, 0, time.UTC)
	orphaned := full()
	orphaned.Serving.Master, orphaned.Retiring[0].Master, orphaned.LastUpgrade = nil, nil, nil
	waiting := &control.Status{Name: "jobs", State: "backoff", LastUpgrade: full().LastUpgrade,
		NextStart: &control.NextStart{At: now.Add(4 * time.Second), Reason: "worker 1: exit 1\nmore", Tries: 2}}
	both := full()
	both.State, both.Serving.Master, both.NextStart = "backoff", nil, waiting.NextStart
	for _, test := range []struct {
		s    *control.Status
		line int
		want string
	}{
		{orphaned, 1, "web 7 upgrading 2/2 - 3 3/1024 - no master"},
		{orphaned, 3, "web 6 retiring 0/2 - 0 - - no master; workers not gone yet: 1"},
		{waiting, 1, "jobs - backoff - - - - - next try in 4s: worker 1: exit 1"},
		{both, 1, "web 7 backoff 2/2 - 3 3/1024 - no master; next try in 4s: worker 1: exit 1"},
	} {
		var out strings.Builder
		if err := table(&out, test.s, now); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(strings.Split(out.String(), "\n")[test.line]), " "); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// Of a socket for datagrams the number is bytes, not connections.
func TestStatusQueues(t *testing.T) {
	tcp := control.Listener{Network: "tcp", Queued: 3, Backlog: 1000}
	shut := control.Listener{Network: "tcp"}
	unix := control.Listener{Network: "unix", Queued: 1, Backlog: 24}
	udp := control.Listener{Network: "udp", Queued: 1240, Backlog: 212992}
	gram := control.Listener{Network: "unixgram", Backlog: 212992}
	for _, test := range []struct {
		listeners []control.Listener
		want      string
	}{
		{nil, "-"},
		{[]control.Listener{tcp}, "3/1000"},
		{[]control.Listener{shut}, "0/0"},
		{[]control.Listener{tcp, unix}, "4/1024"},
		{[]control.Listener{udp}, "1.2kB"},
		{[]control.Listener{gram}, "0B"},
		{[]control.Listener{udp, tcp, gram, unix}, "4/1024+1.2kB"},
		{[]control.Listener{{Network: "udp", Queued: 2_500_000}}, "2.5MB"},
		{[]control.Listener{{Queued: 1, Backlog: 2}}, "1/2"}, // of a herder before this was told
	} {
		if got := queued(test.listeners); got != test.want {
			t.Errorf("%v: %q, want %q", test.listeners, got, test.want)
		}
	}
}

func TestStatusJSONIsTheStatus(t *testing.T) {
	socket, _ := played(t, control.Reply{Status: full()})
	code, out, stderr := client("status", "-o", "json", "-s", socket)
	var got control.Status
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit %d, %v: %s", code, err, stderr)
	}
	if diff := cmp.Diff(full(), &got); diff != "" {
		t.Error(diff)
	}
	if code, out, _ := client("status", "-s", socket); code != 0 || !strings.HasPrefix(out, "NAME ") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestUptime(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 59 * time.Second: "59s", 60 * time.Second: "1m0s", 3*time.Hour + 12*time.Minute: "3h12m", 52 * time.Hour: "2d4h",
	} {
		if got := uptime(now.Add(-d), now); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	if got := uptime(time.Time{}, now); got != "-" {
		t.Error(got)
	}
}

func TestTheOnlyHerder(t *testing.T) {
	base := t.TempDir()
	if _, err := theOnly(filepath.Join(base, "none")); err == nil || err.(*exit).code != control.NotRunning {
		t.Errorf("nothing there: %v", err)
	}
	one, _ := played(t, control.Reply{})
	two, _ := played(t, control.Reply{Code: control.Failed})
	link := func(name, socket string) {
		t.Helper()
		if err := os.Symlink(filepath.Dir(socket), filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("dead", "/nonexistent/control.sock")
	link("one", one)
	if path, err := theOnly(base); err != nil || path != filepath.Join(base, "one", "control.sock") {
		t.Errorf("one of them: %s, %v", path, err)
	}
	link("two", mute(t))
	if _, err := theOnly(base); err == nil || !strings.Contains(err.Error(), "(one, two)") {
		t.Errorf("one that does not talk to us is one too: %v", err)
	}
	if err := os.Remove(filepath.Join(base, "two")); err != nil {
		t.Fatal(err)
	}
	link("two", two)
	if _, err := theOnly(base); err == nil || err.(*exit).code != control.Usage || !strings.Contains(err.Error(), "(one, two)") {
		t.Errorf("two of them: %v", err)
	}
}

// mute is a socket behind which there is somebody who hangs up.
func mute(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "herder")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return path
}
