package foreign

import (
	"os"
	"slices"
	"testing"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/master"
)

// without is a generation whose server has no words for these verbs.
func (w *world) without(o options, verbs ...dialect.Verb) *herder {
	w.t.Helper()
	spec := w.spec(o)
	for _, v := range verbs {
		spec.Row.Says[v] = ""
	}
	return w.start(spec)
}

// Each signal has its effect: none is lost because it comes too soon after the one before.
func TestNudgeAndCount(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"workers": 2}))
	h.say(master.DoNudge, 3) // it boots: that waits
	h.untilServes(5)
	h.say(master.DoNudge, -2)
	h.untilServes(3)
	h.say(master.DoCount, 6)
	h.untilServes(6)
	h.say(master.DoCount, 1)
	h.untilServes(1)
	w.untilTold("TTOU", 7) // the last one a moment after its effect
	h.looked()
	if in, out := len(w.who("TTIN")), len(w.who("TTOU")); in != 6 || out != 7 {
		t.Errorf("%d TTIN, %d TTOU", in, out)
	}
}

// Restore brings workers back, and never sends one away.
func TestRestore(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"workers": 2}))
	h.say(master.DoRestore, 4)
	h.untilServes(4)
	h.say(master.DoRestore, 1)
	h.say(master.DoNudge, 1)
	h.untilServes(5)
	if n := len(w.who("TTOU")); n > 0 {
		t.Errorf("%d TTOU", n)
	}
}

// Workers that were drained come back as the server has it: by a word of its own, or one by one; also when it was told twice.
func TestDrainAndRevive(t *testing.T) {
	for name, verbs := range map[string][]dialect.Verb{"by its word": nil, "one by one": {dialect.Revive}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.without(options{"workers": 3}, verbs...)
			h.untilServes(3)
			h.say(master.DoScale, 0)
			if drained := h.untilServes(0); !drained.state.Whole {
				t.Errorf("%+v", drained.state)
			}
			if verbs != nil {
				h.say(master.DoScale, 0)
				w.untilTold("WINCH", 2)
			}
			h.say(master.DoScale, 1)
			h.untilServes(3)
			if in := len(w.who("TTIN")); verbs != nil && in != 3 {
				t.Errorf("%d TTIN", in)
			}
		})
	}
}

// Who was never drained cannot be revived, and loses nobody by it.
func TestReviveOfWhoWorks(t *testing.T) {
	w := newWorld(t)
	h := w.without(options{"workers": 2}, dialect.Revive)
	h.untilServes(2)
	h.say(master.DoScale, 1)
	h.say(master.DoNudge, 1)
	h.untilServes(3)
	if n := len(w.who("TTOU")); n > 0 {
		t.Errorf("%d workers were sent away", n)
	}
}

// A verb that the server does not know is noted, once, and nothing is said.
func TestNoWordForIt(t *testing.T) {
	w := newWorld(t)
	h := w.without(options{}, dialect.Grow, dialect.Reopen)
	h.untilServes(2)
	for range 2 {
		h.say(master.DoNudge, 2)
		h.say(master.DoReopen, 0)
	}
	said := h.until("both notes", func(b book) bool {
		return b.noted(`server.py has no word for "one worker more"`) && b.noted(`server.py has no word for "reopen logs"`)
	})
	h.looked()
	if len(said.notes) != 2 || len(h.read().notes) != 2 {
		t.Errorf("%q", said.notes)
	}
}

// Log files are opened again by us at once, and by the server when it serves: before, USR1 would end it.
func TestReopen(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"boot": 0.5, "chatter": 3, "workers": 1}))
	h.until("its first words", func(b book) bool { return len(b.tail) == 3 })
	check(t, os.Rename(w.path("log"), w.path("log.1")))
	h.say(master.DoReopen, 0)
	h.untilServes(1)
	w.untilTold("USR1", 1)
	if _, err := os.Stat(w.path("log")); err != nil {
		t.Error(err)
	}
	if h.Send(master.Order{Do: master.DoSignal, Signal: "USR1"}); w.untilTold("worker USR1", 1)[0] != h.read().pids()[0] {
		t.Error("another worker than ours was signalled")
	}
}

// A log file that cannot be opened is complained of, and the generation serves.
func TestLogFileThatCannotBe(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{})
	spec.LogFile = w.path("nowhere/log")
	if said := w.start(spec).untilServes(2); len(said.notes) != 1 {
		t.Errorf("%q", said.notes)
	}
}

// An order that the server boots through reaches it then; one that says it must leave does at once.
func TestLeavesWhileItBoots(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"hang": true}))
	w.untilTold("booted", 1)
	h.say(master.DoNudge, 1)
	h.say(master.DoStop, 0)
	h.untilOver()
	if told := w.words(); slices.ContainsFunc(told, func(w word) bool { return w.what == "TTIN" }) {
		t.Errorf("%v", told)
	}
}
