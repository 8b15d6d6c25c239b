package master

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Every way of being ready, with a real worker on a real socket.
func TestReadyInEveryWay(t *testing.T) {
	for _, c := range []struct{ how, worker string }{
		{"auto", "serve"}, {"auto", "beat"}, {"armed", "serve"}, {"notify", "beat"}, {"tcp", "http"},
		{"http:/", "http"}, {"exec:/bin/sh -c 'test $HERDER_GENERATION = 8'", "serve"}, {"delay:10ms", "serve"}, {"none", "serve"},
	} {
		t.Run(strings.ReplaceAll(c.how+" "+c.worker, "/", "_"), func(t *testing.T) {
			t.Parallel()
			how, err := ready.Parse(c.how)
			check(t, err)
			h := startMaster(t, testWorker(t, c.worker).with(func(s *Spec) { s.Ready, s.Workers = how, 2 }))
			h.untilUp(2)
			if out := h.leaves(DoQuit); out != "exit 0" {
				t.Errorf("the master ended with %s: %s", out, h.said())
			}
		})
	}
}

// A pool without sockets that says nothing is ready when it has lived for a while;
// one that does not live is not.
func TestReadyWithoutSockets(t *testing.T) {
	t.Parallel()
	silent := `trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done`
	h := startMaster(t, shellWorker(silent).with(func(s *Spec) { s.Ready = kind(ready.KindAuto) }))
	h.untilUp(1)
	h.leaves(DoQuit)
	h = startMaster(t, shellWorker(`exit 0`).with(func(s *Spec) { s.Ready = kind(ready.KindAuto) }))
	h.until("failure", func() bool { return h.failed != nil })
	if h.failed.Reason != "worker 1 ended: exit 0" {
		t.Errorf("failed because of %q", h.failed.Reason)
	}
	h.exit()
}

// One that will say when it is ready is believed nothing else: to live says little of a
// server that loads for long. Why it fails is on its stdout.
func TestReadyBySidekiqsWordOnly(t *testing.T) {
	t.Parallel()
	sidekiq := func(s *Spec) { s.Ready, s.Dialect = kind(ready.KindAuto), "sidekiq" }
	beats := testWorker(t, "beat").with(sidekiq)
	beats.spec.Listeners = nil
	h := startMaster(t, beats)
	h.untilUp(1)
	h.leaves(DoQuit)
	h = startMaster(t, shellWorker(fmt.Sprintf(`sleep %f; echo boom; exit 1`, (unseen+time.Second/2).Seconds())).with(sidekiq))
	h.until("failure", func() bool { return h.failed != nil })
	if h.failed.Reason != "worker 1 ended: exit 1" || strings.Join(h.failed.Tail, "|") != "boom" {
		t.Errorf("failed because of %q, and wrote %q", h.failed.Reason, h.failed.Tail)
	}
	h.exit()
}

// A worker that never is ready is killed, and fails the generation.
func TestReadyTimeout(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`echo 'waiting for the database' >&2; sleep 600`).
		with(func(s *Spec) { s.ReadyTimeout = 500 * time.Millisecond }))
	h.until("failure", func() bool { return h.failed != nil })
	if !strings.Contains(h.failed.Reason, "was not ready within") {
		t.Errorf("failed because of %q", h.failed.Reason)
	}
	if how := h.exit(); how != "exit 1" {
		t.Errorf("the master ended with %s", how)
	}
}

// A probe that is never answered does not outlive the master.
func TestProbeEndsWithTheMaster(t *testing.T) {
	t.Parallel()
	how, err := ready.Parse("exec:/bin/sleep 600")
	check(t, err)
	h := startMaster(t, testWorker(t, "serve").with(func(s *Spec) { s.Ready = how }))
	h.until("booting", func() bool { return len(h.state.Workers) == 1 && h.worker(1).State == "booting" })
	waitFor(t, "the probe", func() bool {
		below, _ := proc.Proc.Descendants(h.process.Ref().PID)
		return len(below) == 2
	})
	if how := h.leaves(DoStop); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}
