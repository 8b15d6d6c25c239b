package master

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

func environOf(t *testing.T, w Worker, key string) string {
	t.Helper()
	value, ok := proc.Proc.Environ(w.PID, key)
	if !ok {
		t.Fatalf("worker %d has no %s", w.ID, key)
	}
	return value
}

func strayOf(t *testing.T, h *herder) Worker {
	t.Helper()
	text, err := os.ReadFile(h.dir() + "/stray")
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	st, err := proc.Proc.Stat(pid)
	check(t, err)
	return Worker{PID: pid, Start: st.Start}
}

// What a worker is given: exactly this.
func TestWorkerIsGivenItsSocket(t *testing.T) {
	t.Parallel()
	p := testWorker(t, "environ")
	p.env = append(p.env, "LISTEN_PID=1", "LISTEN_FDS=7", "WATCHDOG_USEC=5", "NOTIFY_SOCKET=/run/other", "KEPT=yes")
	p.spec.Argv = append(p.spec.Argv, "--fd={fd:web}", "--port={port:web}")
	h := startMaster(t, p)
	h.untilUp(1)
	text, err := os.ReadFile(filepath.Join(h.dir(), "environ"))
	check(t, err)
	got := string(text)
	_, port, _ := strings.Cut(p.listeners[0].Address(), ":")
	pid := strconv.Itoa(h.worker(1).PID)
	for _, want := range []string{
		"pid=" + pid, "LISTEN_PID=" + pid, "LISTEN_FDS=1", "LISTEN_FDNAMES=web", "EINHORN_FD_COUNT=1", "EINHORN_FD_0=3",
		"SERVER_STARTER_GENERATION=8", "HERDER_GENERATION=8", "HERDER_WORKER=1", "HERDER_READY_FD=4", "KEPT=yes",
		"--fd=3", "--port=" + port, "fd 0 -> /dev/null", "fd 3 -> socket:", "fd 4 -> pipe:",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	for _, bad := range []string{"WATCHDOG_USEC", "/run/other", "LISTEN_FDS=7", "LISTEN_PID=1\n"} {
		if strings.Contains(got, bad) {
			t.Errorf("%s is in\n%s", bad, got)
		}
	}
	// The runtime's own (its poller, /sys/fs/cgroup) are not ours to count.
	if extra := regexp.MustCompile(`fd (\d+) -> (socket|pipe|/[^s]).*`).FindAllString(got, -1); len(extra) != 5 {
		t.Errorf("it holds more than it was given: %q", extra)
	}
	h.leaves(DoQuit)
}

// A log reader that is gone is no reason to die.
func TestB16BrokenStderr(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	check(t, err)
	p := shellWorker(`trap 'exit 0' TERM; echo hello >&2; echo again >&2; echo >&3; while :; do echo more >&2; sleep 0.01; done`)
	p.stderr = w
	h := startMaster(t, p)
	r.Close()
	w.Close()
	h.untilUp(1)
	one := h.worker(1)
	h.signal(one, unix.SIGKILL) // the master hears of it, though nobody hears it
	h.until("the replacement", func() bool { return h.state.Up == 1 && h.worker(1).PID != one.PID })
	if how := h.leaves(DoQuit); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

// A log reader that does not read may stop the workers, as without us, but not the master.
func TestB16FullStderr(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	p := shellWorker(`trap 'exit 0' TERM; echo >&3; while :; do echo more and more and more >&2; done`).
		with(func(s *Spec) { s.StopTimeout = 100 * time.Millisecond })
	p.stderr = w
	h := startMaster(t, p)
	w.Close()
	h.untilUp(1)
	h.link.Send(Order{Do: DoScale, N: 2})
	h.untilUp(2)
	if how := h.leaves(DoQuit); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

func TestLogFileAndPrefix(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	p := shellWorker(`trap 'printf bye; exit 0' TERM; echo out; echo err >&2; echo >&3; while :; do sleep 600 & wait $!; done`).
		with(func(s *Spec) { s.LogFile, s.LogPrefix, s.Workers = log, true, 2 })
	h := startMaster(t, p)
	h.untilUp(2)
	waitFor(t, "the lines", func() bool {
		b, _ := os.ReadFile(log)
		return strings.Contains(string(b), "[app 8.2] out\n") && strings.Contains(string(b), "[app 8.1] err\n")
	})
	check(t, os.Rename(log, log+".1"))
	h.link.Send(Order{Do: DoReopen})
	waitFor(t, "the new file", func() bool { _, err := os.Stat(log); return err == nil })
	if how := h.leaves(DoQuit); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
	b, err := os.ReadFile(log)
	check(t, err)
	if got := string(b); !strings.Contains(got, "[app 8.1] bye\n") || !strings.Contains(got, "[app 8.2] bye\n") {
		t.Errorf("the last words are %q", got)
	}
}

// waitFor is for what no report tells.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); {
		if time.Since(start) > patience {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
