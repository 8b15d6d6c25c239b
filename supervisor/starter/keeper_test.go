package starter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/herd"
)

// told is a Keeper with what it said.
type told struct {
	*Keeper
	said    []string
	relayed []string
	now     time.Time
}

func newTold(t *testing.T, line string) *told {
	k := &told{now: time.Unix(1000, 0)}
	k.Keeper = NewKeeper(parse(t, line), Hooks{
		Say:    func(line string) { k.said = append(k.said, line) },
		Begun:  func() error { return nil },
		Reopen: func() { k.said = append(k.said, "(reopened)") },
	})
	return k
}

func (k *told) did(effects ...herd.Effect) {
	for _, e := range effects {
		k.Did(e, nil, k.now)
	}
}

func (k *told) hear(s unix.Signal) []herd.Event {
	return k.Heard(s, nil, func(_ int, signal string) { k.relayed = append(k.relayed, signal) })
}

// begin is a first worker that serves.
func (k *told) begin() {
	k.Spawned(1, 101)
	k.did(herd.Adopt{Gen: 1})
}

func (k *told) want(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := strings.Join(k.said, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("said:\n%s\nwant:\n%s", got, want)
	}
	k.said = nil
}

func ends(code int) unix.WaitStatus { return unix.WaitStatus(code << 8) }

func upgraded() herd.Effect { return herd.Conclude{Verdict: herd.Verdict{Outcome: herd.Upgraded}} }
func rolledBack() herd.Effect {
	return herd.Conclude{Verdict: herd.Verdict{Outcome: herd.RolledBack}}
}

func TestARestartInTheWordsOfStartServer(t *testing.T) {
	status := filepath.Join(t.TempDir(), "status")
	k := newTold(t, "--kill-old-delay 3 --signal-on-hup USR1 --status-file "+status+" app")
	k.begin()
	if events := k.hear(unix.SIGHUP); len(events) != 1 || events[0] != (herd.Upgrade{}) {
		t.Errorf("HUP means %v", events)
	}
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	k.did(herd.Adopt{Gen: 2})
	if text, _ := os.ReadFile(status); string(text) != "1:101\n2:102\n" {
		t.Errorf("the status is %q", text)
	}
	k.did(upgraded(), herd.Tell{Gen: 1, Verb: herd.Quit})
	if got := k.Goodbye(1); got != "USR1" {
		t.Errorf("the old worker is sent %s", got)
	}
	k.Ended(1, 101, ends(0))
	k.did(herd.Tell{Gen: 1, Verb: herd.Quit}) // to what it left
	if text, _ := os.ReadFile(status); string(text) != "2:102\n" {
		t.Errorf("the status is %q", text)
	}
	k.Ended(2, 102, 9)
	k.Spawned(3, 103)
	k.did(herd.Adopt{Gen: 3})
	k.hear(unix.SIGTERM)
	if k.relayed != nil {
		t.Errorf("relayed to those that are gone: %v", k.relayed)
	}
	if got := k.Goodbye(3); got != "TERM" {
		t.Errorf("the last worker is sent %s", got)
	}
	k.Ended(3, 103, 15)
	k.did(herd.Leave{})
	k.want(t, "starting new worker 101", "received HUP, spawning a new worker", "starting new worker 102",
		"new worker is now running, sending USR1 to old workers:101", "sleeping 3 secs before killing old workers",
		"killing old workers", "old worker 101 died, status:0",
		"worker 102 died unexpectedly with status:9, restarting", "starting new worker 103",
		"received TERM, sending TERM to all workers:103", "worker 103 died, status:15", "exiting")
	if _, err := os.Stat(status); !os.IsNotExist(err) {
		t.Errorf("the status file is left: %v", err)
	}
}

func TestAFailedRestartIsTriedAgain(t *testing.T) {
	k := newTold(t, "--interval 2 app")
	k.begin()
	k.hear(unix.SIGHUP)
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	if !k.Deadline().IsZero() {
		t.Error("something is due while a restart is under way")
	}
	k.Ended(2, 102, ends(3))
	k.did(rolledBack())
	if want := k.now.Add(2 * time.Second); k.Deadline() != want {
		t.Fatalf("tried again at %v, want %v", k.Deadline(), want)
	}
	k.now = k.Deadline()
	if events := k.Due(k.now); len(events) != 1 {
		t.Fatalf("asked for %v", events)
	}
	k.did(herd.Check{Try: 2})
	k.Spawned(3, 103)
	k.did(herd.Adopt{Gen: 3}, upgraded())
	k.want(t, "starting new worker 101", "received HUP, spawning a new worker", "starting new worker 102",
		"new worker 102 seems to have failed to start, exit status:768", "starting new worker 103",
		"new worker is now running, sending TERM to old workers:101", "killing old workers")
	if !k.Deadline().IsZero() {
		t.Error("a restart that went well is tried again")
	}
}

func TestNobodyIsAskedForAgainOnceNothingServes(t *testing.T) {
	k := newTold(t, "app")
	k.begin()
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	k.Ended(2, 102, ends(1))
	k.did(rolledBack())
	k.Ended(1, 101, ends(1)) // the herd starts the next one by itself
	if !k.Deadline().IsZero() {
		t.Error("a restart is due beside the start that is under way")
	}
}

func TestAutoRestart(t *testing.T) {
	k := newTold(t, "--enable-auto-restart --auto-restart-interval 100 app")
	k.begin()
	began := k.now
	if want := began.Add(100 * time.Second); k.Deadline() != want {
		t.Fatalf("due at %v, want %v", k.Deadline(), want)
	}
	if events := k.Due(began.Add(99 * time.Second)); events != nil {
		t.Errorf("too early: %v", events)
	}
	k.now = began.Add(100 * time.Second)
	if events := k.Due(k.now); len(events) != 1 {
		t.Fatalf("asked for %v", events)
	}
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	k.did(herd.Adopt{Gen: 2}, upgraded())
	// The old worker stays: it gets as long again.
	if want := k.now.Add(200 * time.Second); k.Deadline() != want {
		t.Fatalf("due at %v, want %v", k.Deadline(), want)
	}
	k.Due(k.Deadline())
	k.did(herd.Check{Try: 2})
	k.want(t, "starting new worker 101", "autorestart triggered (interval=100)", "starting new worker 102",
		"new worker is now running, sending TERM to old workers:101", "sleeping 5 secs before killing old workers",
		"killing old workers", "autorestart triggered (forced, interval=100)")
}

func TestSignals(t *testing.T) {
	k := newTold(t, "--signal-on-hup QUIT app")
	k.begin()
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	k.did(herd.Adopt{Gen: 2}, upgraded(), herd.Tell{Gen: 1, Verb: herd.Quit})
	k.said = nil
	for _, s := range []unix.Signal{unix.SIGWINCH, unix.SIGTTIN, unix.SIGALRM, unix.SIGPIPE} {
		if events := k.hear(s); events != nil {
			t.Errorf("%v means %v", s, events)
		}
	}
	if events := k.hear(unix.SIGUSR1); len(events) != 1 || events[0] != (herd.Reopen{}) {
		t.Errorf("USR1 means %v", events)
	}
	if events := k.hear(unix.SIGTERM); len(events) != 1 || events[0] != (herd.Stop{}) {
		t.Errorf("TERM means %v", events)
	}
	// The old worker was sent QUIT, and is sent TERM too.
	if strings.Join(k.relayed, " ") != "TERM" {
		t.Errorf("relayed %v", k.relayed)
	}
	if events := k.hear(unix.SIGTERM); events != nil {
		t.Errorf("another TERM means %v", events)
	}
	if events := k.hear(unix.SIGINT); len(events) != 1 || events[0] != (herd.Quick{}) {
		t.Errorf("INT after TERM means %v", events)
	}
	k.want(t, "(reopened)", "received TERM, sending TERM to all workers:101,102", "received INT again, ending workers at once")
}

func TestBackToTheOldWorker(t *testing.T) {
	k := newTold(t, "--kill-old-delay 3 app")
	k.begin()
	k.did(herd.Check{Try: 1})
	k.Spawned(2, 102)
	k.did(herd.Adopt{Gen: 2})
	k.Ended(2, 102, ends(1))
	k.did(herd.Adopt{Gen: 1}, rolledBack())
	if k.Deadline().IsZero() {
		t.Error("it is not tried again")
	}
	k.Spawned(3, 103)
	k.Ended(3, 103, ends(1))
	if last := k.said[len(k.said)-1]; last != "new worker 103 seems to have failed to start, exit status:256" {
		t.Errorf("said %q", last)
	}
}

func TestStatusFileThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	k := newTold(t, "--status-file /nowhere/status app")
	k.begin()
	k.did(herd.Adopt{Gen: 1})
	if len(k.said) != 2 || !strings.Contains(k.said[1], "cannot write status file /nowhere/status") {
		t.Errorf("said %q", k.said)
	}
}
