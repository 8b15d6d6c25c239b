package foreign

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// world is what a test has going: generations of testdata/server.py, and what they tell.
type world struct {
	t       *testing.T
	dir     string
	spawner *proc.Spawner
	masters *Masters
	changed chan struct{} // one token: something was told

	mu   sync.Mutex
	told []word
}

// word is what a process of the server has told.
type word struct {
	pid  int
	what string
}

// options are those of server.py.
type options map[string]any

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), masters: new(Masters), changed: make(chan struct{}, 1)}
	var err error
	w.spawner, err = proc.NewSpawner()
	check(t, err)
	t.Cleanup(func() { check(t, w.spawner.Close()) })
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: w.path("journal"), Net: "unixgram"})
	check(t, err)
	over := make(chan struct{})
	go func() { defer close(over); w.listen(journal) }()
	t.Cleanup(func() { journal.Close(); <-over })
	t.Cleanup(func() { buryAll(t) })
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) listen(journal net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := journal.Read(buf)
		if err != nil {
			return
		}
		pid, what, _ := strings.Cut(string(buf[:n]), " ")
		number, _ := strconv.Atoi(pid)
		w.mu.Lock()
		w.told = append(w.told, word{number, what})
		w.mu.Unlock()
		w.poke()
	}
}

func (w *world) poke() {
	select {
	case w.changed <- struct{}{}:
	default: // the token is there
	}
}

// until waits for something that a server or a follower tells.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !done() {
		select {
		case <-w.changed:
		case <-timer.C:
			log, _ := os.ReadFile(w.path("log"))
			w.t.Fatalf("waited in vain for %s; the server told %v and wrote %q", what, w.words(), log)
		}
	}
}

func (w *world) words() []word {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]word(nil), w.told...)
}

// who are the processes that have told this, in order.
func (w *world) who(what string) (pids []int) {
	for _, told := range w.words() {
		if told.what == what {
			pids = append(pids, told.pid)
		}
	}
	return pids
}

// untilTold waits until a number of processes have told this, or one has so often.
func (w *world) untilTold(what string, n int) []int {
	w.t.Helper()
	w.until(what, func() bool { return len(w.who(what)) >= n })
	return w.who(what)
}

// mode is how the server is to be from its next start on.
func (w *world) mode(o options) {
	w.t.Helper()
	b, err := json.Marshal(o)
	check(w.t, err)
	check(w.t, os.WriteFile(w.path("mode"), b, 0o600))
}

// listener is one of ours, for the server.
func (w *world) listener() handoff.Passed {
	w.t.Helper()
	l, err := handoff.Open(context.Background(), handoff.Spec{Name: "web", Network: handoff.TCP, Address: "127.0.0.1:0"})
	check(w.t, err)
	w.t.Cleanup(func() { l.Close() })
	return l.Passed()
}

// row is the dialect of server.py.
func row() dialect.Row {
	r := dialect.Row{Name: "server.py", Means: dialect.Listen}
	for verb, signal := range map[dialect.Verb]string{
		dialect.Graceful: "QUIT", dialect.Quick: "TERM", dialect.Reopen: "USR1", dialect.Grow: "TTIN", dialect.Shrink: "TTOU",
		dialect.Drain: "WINCH", dialect.Revive: "HUP", dialect.Renew: "USR2",
	} {
		r.Says[verb] = signal
	}
	return r
}

// spec is a generation of the server. One that binds by itself gets no listener.
func (w *world) spec(o options) Spec {
	w.t.Helper()
	python, err := exec.LookPath("python3")
	check(w.t, err)
	script, err := filepath.Abs("testdata/server.py")
	check(w.t, err)
	o["journal"], o["mode"] = w.path("journal"), w.path("mode")
	arguments, err := json.Marshal(o)
	check(w.t, err)
	spec := Spec{
		Name: "app", Generation: 1, Row: row(), Path: python, Argv: []string{python, "-IS", script, string(arguments)},
		Env: os.Environ(), Dir: w.dir, Masters: w.masters, Umask: -1, Ready: ready.How{Kind: ready.KindAuto}, LogFile: w.path("log"),
	}
	if o["bind"] == nil {
		spec.Listeners = []handoff.Passed{w.listener()}
	}
	spec.Binds = o["bind"] != nil
	if pid, ok := o["pid"]; ok {
		spec.Pidfile = pid.(string)
	}
	return spec
}
