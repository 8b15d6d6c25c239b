package master

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herderd/herder/supervisor/pool"
)

// fakeKernel is a world on fake time: the real loop runs on it.
type fakeKernel struct {
	notices chan Notice
	log     []string
	live    map[int]bool
	begun   time.Time
	eager   bool // a worker says that it is ready as soon as it runs
	left    bool
}

func newFake() *fakeKernel {
	return &fakeKernel{notices: make(chan Notice), live: map[int]bool{}, begun: time.Now()}
}

func (k *fakeKernel) say(format string, args ...any) {
	k.log = append(k.log, fmt.Sprintf("%v ", time.Since(k.begun))+fmt.Sprintf(format, args...))
}

func (k *fakeKernel) Notices() <-chan Notice { return k.notices }

func (k *fakeKernel) Start(slot int) []pool.Event {
	k.say("start %d", slot)
	k.live[slot] = true
	if k.eager {
		go k.event(pool.Ready{Slot: slot})
		time.Sleep(time.Nanosecond) // until it has posted
	}
	return []pool.Event{pool.Spawned{Slot: slot, Ref: pool.Ref{PID: 100 + slot}}}
}

func (k *fakeKernel) Tell(t pool.Tell) {
	k.say("%v", t)
	if t.Verb == pool.Kill && k.live[t.Slot] {
		k.live[t.Slot] = false
		go k.event(pool.Exited{Slot: t.Slot, How: "killed by SIGKILL"})
	}
}

func (k *fakeKernel) Say(r Report) {
	if r.Kind != ReportNote || strings.HasPrefix(r.Reason, "BUG") {
		k.say("%s %s %q", r.Kind, r.Reason, r.Tail)
	}
}

func (k *fakeKernel) State(pool.Snapshot)    {}
func (k *fakeKernel) Tail(slot int) []string { return []string{fmt.Sprintf("last words of %d", slot)} }
func (k *fakeKernel) Reopen()                { k.say("reopen") }
func (k *fakeKernel) Leave() {
	k.say("leave")
	k.left = true
}

// event posts what happened, and returns when the loop has heard it.
func (k *fakeKernel) event(events ...pool.Event) {
	k.notices <- func() []pool.Event { return events }
}

// play runs a story beside the loop and returns what happened.
func play(t *testing.T, p pool.Policy, story func(k *fakeKernel)) (log string, code int) {
	t.Helper()
	return playOn(t, p, false, story)
}

func playOn(t *testing.T, p pool.Policy, eager bool, story func(k *fakeKernel)) (log string, code int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := newFake()
		k.eager = eager
		done := make(chan int)
		go func() { done <- newLoop(p, k).run() }()
		story(k)
		code = <-done
		synctest.Wait()
		if !k.left {
			t.Error("the loop has ended, and has not left")
		}
		log = strings.Join(k.log, "\n")
	})
	return log, code
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("got\n%s\nwant\n%s", got, w)
	}
}

var ordinary = pool.Policy{Workers: 2, StopTimeout: 30 * time.Second, KillTimeout: 5 * time.Second}

func TestLoopRaisesAndQuits(t *testing.T) {
	log, code := play(t, ordinary, func(k *fakeKernel) {
		synctest.Wait()
		k.event(pool.Ready{Slot: 1}, pool.Ready{Slot: 2})
		time.Sleep(time.Second)
		k.event(pool.Quit{})
		time.Sleep(time.Second)
		k.event(pool.Exited{Slot: 1, How: "exit 0"})
	})
	expect(t, log, "0s start 1", "0s start 2", "1s tell worker 1 graceful", "1s tell worker 2 graceful",
		"31.01s tell worker 2 kill", "31.01s leave")
	if code != 0 {
		t.Errorf("code %d", code)
	}
}

func TestLoopFails(t *testing.T) {
	log, code := play(t, ordinary, func(k *fakeKernel) {
		synctest.Wait()
		k.event(pool.Ready{Slot: 1})
		k.event(pool.Exited{Slot: 2, How: "exit 3"})
		k.event(pool.Exited{Slot: 1, How: "exit 0"})
	})
	expect(t, log, "0s start 1", "0s start 2", `0s failed worker 2 ended: exit 3 ["last words of 2"]`, "0s tell worker 1 graceful", "0s leave")
	if code != 1 {
		t.Errorf("code %d", code)
	}
}

// A worker may be ready before its master has turned round.
func TestLoopHearsQuickWorkers(t *testing.T) {
	for range 50 {
		log, _ := playOn(t, ordinary, true, func(k *fakeKernel) {
			time.Sleep(time.Millisecond)
			k.event(pool.Exited{Slot: 1, How: "exit 1"}) // replaced: both were up
			time.Sleep(time.Second)
			k.event(pool.Stop{})
		})
		if strings.Contains(log, "failed") || strings.Contains(log, "BUG") || strings.Count(log, "start") != 3 {
			t.Fatal(log)
		}
	}
}

// An order is heard between two of many starts.
func TestLoopHearsOrdersBetweenStarts(t *testing.T) {
	many := ordinary
	many.Workers = 1000
	log, _ := play(t, many, func(k *fakeKernel) {
		k.event(pool.Stop{})
	})
	if starts := strings.Count(log, "start "); starts > 990 {
		t.Errorf("%d workers were started before the order was heard", starts)
	}
}

// The master was stopped for 14 s: its timer fires at once, and the signs of life
// that waited come a little later. Nobody is blamed.
func TestW3StoppedMasterBlamesNobody(t *testing.T) {
	watched := ordinary
	watched.Watchdog = 10 * time.Second
	log, _ := play(t, watched, func(k *fakeKernel) {
		synctest.Wait()
		k.event(pool.Ready{Slot: 1}, pool.Ready{Slot: 2})
		// The loop itself is stopped, in the middle of a notice, for 14 s.
		k.notices <- func() []pool.Event { time.Sleep(14 * time.Second); return nil }
		time.Sleep(14*time.Second + 6*time.Millisecond)
		k.event(pool.Beat{Slot: 1})
		time.Sleep(6 * time.Millisecond)
		k.event(pool.Beat{Slot: 2})
		// And again, when the next deadline has come and is being heard out.
		time.Sleep(10 * time.Second)
		k.notices <- func() []pool.Event { time.Sleep(14 * time.Second); return nil }
		time.Sleep(14*time.Second + 6*time.Millisecond)
		k.event(pool.Beat{Slot: 1}, pool.Beat{Slot: 2})
		time.Sleep(5 * time.Second)
		k.event(pool.Stop{})
	})
	if strings.Contains(log, "abort") {
		t.Error(log)
	}
}

// Chatter alone does not put a deadline off for ever.
func TestLoopJudgesInSpiteOfChatter(t *testing.T) {
	log, _ := play(t, ordinary, func(k *fakeKernel) {
		synctest.Wait()
		k.event(pool.Ready{Slot: 1}, pool.Ready{Slot: 2})
		k.event(pool.Quit{})
		for i := range 40 * 1000 {
			if i == 29_000 {
				k.event(pool.Exited{Slot: 1, How: "exit 0"})
			}
			select {
			case k.notices <- func() []pool.Event { return nil }:
			case <-time.After(time.Hour):
				return // it has left
			}
			time.Sleep(time.Millisecond)
		}
	})
	if !strings.Contains(log, "\n30.1") || !strings.Contains(log, "leave") {
		t.Error(log)
	}
}
