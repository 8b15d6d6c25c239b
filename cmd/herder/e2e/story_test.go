package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/rogpeppe/go-internal/testscript"
)

// story is what one script has going.
type story struct {
	t       testing.TB
	work    string
	nursery *nursery
	procs   map[string]*process
	order   []string // names of procs as they were started
	hammers map[string]*hammer.Hammer
	first   int // the next hammer's first number
	ledgers map[string]ledger
	held    map[string]net.Conn
}

// process was started by a script under a name.
type process struct {
	pid      int
	out, err string // files
}

type storyKey struct{}

func of(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// storyNumber gives each story an address of its own: 127.0.0.0/8 is all loopback, so no port is ever taken.
var storyNumber atomic.Int32

// setup makes these variables for a script, beside those of testscript:
//
//	ADDR, IP         a TCP address of its own, and its IP
//	SOCK             the path of a unix socket, short enough for any option
//	PY RB JS PHP GO  the workers: a program and its file in two variables, $PYTHON $PY, or the Go worker's binary
//	WORKER_LOG       where workers log; the hammers read it
//	HERDER_SOCKET    the control socket of the herder that is named app
func setup(env *testscript.Env) error {
	t := env.T().(testing.TB)
	n := storyNumber.Add(1)
	short, err := os.MkdirTemp("/tmp", "h")
	if err != nil {
		return err
	}
	if err := os.Chmod(short, 0o755); err != nil {
		return err
	}
	s := &story{
		t: t, work: env.WorkDir, nursery: newNursery(t), first: numbers,
		procs: map[string]*process{}, hammers: map[string]*hammer.Hammer{}, ledgers: map[string]ledger{},
		held: map[string]net.Conn{},
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	env.Values[storyKey{}] = s
	ip := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%200, n/200, 1+n%200)
	workers := filepath.Join(rootDir, "contrib/workers")
	for name, value := range map[string]string{
		"PATH": binDir + ":/usr/bin:/bin:/usr/sbin:/sbin:" + env.Getenv("PATH"),
		"HOME": env.WorkDir, "ROOT": rootDir, "TMPDIR": "/tmp",
		"IP": ip, "ADDR": ip + ":8080", "SOCK": short + "/app.sock", "SHORT": short,
		"PYTHON": program("python3"), "PY": workers + "/worker.py",
		"RUBY": program("ruby"), "RB": workers + "/worker.rb",
		"NODE": program("node"), "JS": workers + "/worker.js",
		"PHP": program("php"), "PHPW": workers + "/worker.php",
		"GOWORKER":   filepath.Join(binDir, "goworker"),
		"HERDER":     filepath.Join(binDir, "herder"),
		"WORKER_LOG": filepath.Join(env.WorkDir, "worker.log"),
		"RUN":        filepath.Join(env.WorkDir, "run"), "HERDER_SOCKET": filepath.Join(env.WorkDir, "run", "control.sock"),
	} {
		env.Setenv(name, value)
	}
	if err := os.MkdirAll(filepath.Join(env.WorkDir, "app"), 0o755); err != nil {
		return err
	}
	env.Defer(s.end)
	return nil
}

// program prefers the system's own to a version manager's wrapper, which takes a shell and a second to start.
func program(name string) string {
	if path, err := exec.LookPath("/usr/bin/" + name); err == nil {
		return path
	}
	return name
}

// end stops what still runs, and asserts that nothing is left.
func (s *story) end() {
	for _, h := range s.hammers {
		h.Stop()
	}
	for _, conn := range s.held {
		_ = conn.Close()
	}
	if s.t.Failed() {
		s.dump()
		return // the keeper kills everything
	}
	for _, name := range s.order {
		if p := s.procs[name]; !s.ended(p) {
			_ = syscall.Kill(p.pid, syscall.SIGTERM)
		}
	}
	if !within(patience, func() bool { return len(descendants(s.nursery.pid)) == 0 }) {
		s.t.Errorf("processes are left at the end:\n%s", describe(descendants(s.nursery.pid)))
		s.dump()
	}
	s.noRaces()
}

// noRaces fails the story when a program built with -race, or the runtime, complained.
func (s *story) noRaces() {
	for name, p := range s.procs {
		text, _ := os.ReadFile(p.err)
		for _, bad := range []string{"WARNING: DATA RACE", "goroutine 1 [", "panic: ", "fatal error: "} {
			if strings.Contains(string(text), bad) {
				s.t.Errorf("%s wrote %q:\n%s", name, bad, tail(text, 8000))
			}
		}
	}
}

// dump logs what the processes of a failed story wrote, and which still run.
func (s *story) dump() {
	for _, name := range s.order {
		p := s.procs[name]
		status, ended := s.nursery.status(p.pid)
		text, _ := os.ReadFile(p.err)
		s.t.Logf("%s (pid %d, ended %t %s) wrote:\n%s", name, p.pid, ended, exitText(status), tail(text, 6000))
	}
	logs, _ := filepath.Glob(s.work + "/sv/*/log/main/current")
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		s.t.Logf("%s:\n%s", path, tail(text, 6000))
	}
	s.t.Logf("still running:\n%s", describe(descendants(s.nursery.pid)))
}

func (s *story) ended(p *process) bool {
	_, ended := s.nursery.status(p.pid)
	return ended
}

func tail(text []byte, n int) []byte {
	if len(text) > n {
		return append([]byte("…"), text[len(text)-n:]...)
	}
	return text
}

func exitText(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal:" + signalName(status.Signal())
	}
	return fmt.Sprint(status.ExitStatus())
}

// within waits until done says so.
func within(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
