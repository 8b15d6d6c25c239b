package master

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestServesAndLeaves(t *testing.T) {
	t.Parallel()
	p := testWorker(t, "serve").with(func(s *Spec) { s.Workers = 2 })
	h := startMaster(t, p)
	h.untilUp(2)
	conn, err := net.DialTimeout("tcp", p.listeners[0].Address(), patience)
	check(t, err)
	answer, err := io.ReadAll(conn)
	check(t, err)
	conn.Close()
	if !strings.HasPrefix(string(answer), "8.1 ") && !strings.HasPrefix(string(answer), "8.2 ") {
		t.Errorf("a worker answers %q", answer)
	}
	workers := h.state.Workers
	if how := h.leaves(DoQuit); how != "exit 0" {
		t.Errorf("the master ended with %s: %s", how, h.said())
	}
	for _, w := range workers {
		if !isGone(w) {
			t.Errorf("worker %d is still there", w.ID)
		}
	}
}

func TestReplacesAtOnce(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(faithful).with(func(s *Spec) { s.Workers = 3 }))
	h.untilUp(3)
	one, two, three := h.worker(1), h.worker(2), h.worker(3)
	h.signal(two, unix.SIGKILL)
	h.until("the replacement", func() bool { return h.state.Up == 3 && h.worker(2).PID != two.PID })
	if w := h.worker(2); w.Restarts != 1 || w.Last != "killed by SIGKILL" {
		t.Errorf("worker 2 is %+v", w)
	}
	if h.worker(1).PID != one.PID || h.worker(3).PID != three.PID {
		t.Error("the death of one worker touched another")
	}
	if how := h.leaves(DoStop); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

func TestStopTimeoutKills(t *testing.T) {
	t.Parallel()
	stubborn := `trap '' TERM INT; echo >&3; while :; do sleep 600 & wait $!; done`
	h := startMaster(t, shellWorker(stubborn).with(func(s *Spec) { s.StopTimeout = 100 * time.Millisecond }))
	h.untilUp(1)
	w := h.worker(1)
	h.link.Send(Order{Do: DoQuit})
	h.until("SIGKILL", func() bool { return h.noted("did not leave within") })
	if how := h.exit(); how != "exit 0" || !isGone(w) {
		t.Errorf("the master ended with %s, its worker gone: %v", how, isGone(w))
	}
}

func TestStopIsQuick(t *testing.T) {
	t.Parallel()
	slow := `trap '' TERM; trap 'echo quick >&2; exit 0' INT; echo >&3; while :; do sleep 600 & wait $!; done`
	h := startMaster(t, shellWorker(slow))
	h.untilUp(1)
	h.link.Send(Order{Do: DoQuit})
	h.until("leaving", func() bool { return h.worker(1).State == "leaving" })
	if how := h.leaves(DoStop); how != "exit 0" || !strings.Contains(h.said(), "quick") {
		t.Errorf("the master ended with %s, stderr %q", how, h.said())
	}
}

func TestHerderIsGone(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`trap 'echo finished >&2; exit 0' TERM; echo >&3; while :; do sleep 600 & wait $!; done`).
		with(func(s *Spec) { s.Workers = 2 }))
	h.untilUp(2)
	h.link.Close()
	if how := h.exit(); how != "exit 0" || strings.Count(h.said(), "finished") != 2 {
		t.Errorf("the master ended with %s, stderr %q", how, h.said())
	}
}

// Signals a person sends to the master are reported, and obeyed by nobody here.
func TestSignalsAreReported(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(faithful))
	h.untilUp(1)
	one := h.worker(1)
	for _, name := range []string{"QUIT", "TERM", "INT", "HUP", "USR1", "USR2", "TTIN", "TTOU", "WINCH"} {
		check(t, h.process.Signal(unix.SignalNum("SIG"+name)))
		h.until(name, func() bool { return len(h.asked) > 0 && h.asked[len(h.asked)-1] == name })
	}
	for _, sig := range []unix.Signal{unix.SIGPIPE, unix.SIGALRM, unix.SIGTSTP, unix.SIGURG, unix.SIGCONT, 35, 64} {
		check(t, h.process.Signal(sig)) // harmless
	}
	h.state = State{}
	h.link.Send(Order{Do: DoCheck})
	h.untilUp(1)
	if h.worker(1).PID != one.PID {
		t.Error("a signal to the master touched its worker")
	}
	h.leaves(DoQuit)
}

func TestWrongSocket(t *testing.T) {
	t.Parallel()
	h := startMaster(t, testWorker(t, "elsewhere").with(func(s *Spec) { s.KillTimeout = time.Second }))
	h.until("failure", func() bool { return h.failed != nil })
	if how := h.exit(); how != "exit 1" {
		t.Errorf("the master ended with %s", how)
	}
	// Only now has all been passed on that the worker said.
	if want := "worker 1 did not take the socket; it listens on " + strings.TrimSpace(h.said()) + " instead"; h.failed.Reason != want {
		t.Errorf("the reason is %q, want %q", h.failed.Reason, want)
	}
}

func TestFailedBootTellsWhy(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`
		i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i >&2; done
		[ $HERDER_WORKER = 1 ] && { `+faithful+`; }
		printf 'no such table: sheep' >&2; exit 3`).with(func(s *Spec) { s.Workers = 2 }))
	h.until("failure", func() bool { return h.failed != nil })
	tail := h.failed.Tail
	if h.failed.Reason != "worker 2 ended: exit 3" || len(tail) != 20 || tail[19] != "no such table: sheep" || tail[18] != "line 30" {
		t.Errorf("failed because of %q, tail %q", h.failed.Reason, tail)
	}
	if how := h.exit(); how != "exit 1" {
		t.Errorf("the master ended with %s", how)
	}
}

// A worker that hangs never fails: the herder's patience ends, and it must know by
// then what the worker said.
func TestHangingBootTellsWhy(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`trap 'exit 0' TERM; echo 'waiting for the shepherd' >&2; sleep 600 & wait $!`))
	h.until("last words", func() bool { return len(h.tail) == 1 && h.tail[0] == "waiting for the shepherd" })
	if how := h.leaves(DoStop); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

func TestCannotExecute(t *testing.T) {
	t.Parallel()
	p := shellWorker("")
	p.spec.Argv, p.spec.Path = []string{"/nope/app"}, "/nope/app"
	h := startMaster(t, p)
	h.until("failure", func() bool { return h.failed != nil })
	if !strings.Contains(h.failed.Reason, "cannot execute /nope/app") {
		t.Errorf("failed because of %q", h.failed.Reason)
	}
	if how := h.exit(); how != "exit 1" {
		t.Errorf("the master ended with %s", how)
	}
}

func (h *herder) dir() string {
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", h.process.Ref().PID))
	check(h.t, err)
	return dir
}
