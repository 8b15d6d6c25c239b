package foreign

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/master"
)

// Whoever waits on the listener is a worker, however it waits and whoever bound it.
func TestWorkersAreSeen(t *testing.T) {
	for name, o := range map[string]options{
		"select":           {"workers": 3},
		"accept":           {"workers": 3, "accept": true},
		"bound itself":     {"workers": 3, "bind": 0},
		"slow, one by one": {"workers": 3, "apart": 0.15},
		"with helpers":     {"workers": 3, "helpers": 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.start(w.spec(o))
			said := h.untilServes(3)
			serve := w.who("serves")
			slices.Sort(serve)
			if !slices.Equal(said.pids(), serve) {
				t.Errorf("seen are %v, %v serve", said.pids(), serve)
			}
			h.say(master.DoQuit, 0)
			h.untilOver()
			w.untilTold("left", 1)
		})
	}
}

// A single process is its own master, and its own worker.
func TestMasterThatServes(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"master_serves": true}))
	if said := h.untilServes(1); said.pids()[0] != h.ref().PID {
		t.Errorf("%+v", said.state)
	}
	h.say(master.DoStop, 0)
	h.untilOver()
}

// With a number that is expected, the generation is whole then and not before, however long the rest takes.
func TestExpectedWorkers(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{"workers": 3, "apart": 0.7})
	spec.Expect = 3
	said := w.start(spec).untilServes(3)
	if first := said.states[0]; len(first.Workers) != 3 {
		t.Errorf("said to be whole: %+v", first)
	}
}

// Fewer than the generation before had are waited for much longer.
func TestAsManyAsBefore(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{"workers": 3, "apart": 0.7})
	spec.Before = 3
	if first := w.start(spec).untilServes(3).states[0]; len(first.Workers) != 3 {
		t.Errorf("said to be whole: %+v", first)
	}
}

// And yet a generation that is to be smaller gets whole.
func TestFewerThanBefore(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{"workers": 1})
	spec.Before = 3
	start := time.Now()
	w.start(spec).untilServes(1)
	if passed := time.Since(start); passed < thinCrowd {
		t.Errorf("not waited for the others, but only %v", passed)
	}
}

// A worker that dies is told, and so is the one that takes its place, also long after the boot.
func TestWorkerDies(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"workers": 2}))
	first := h.untilServes(2)
	w.signal(first.pids()[0], unix.SIGKILL)
	w.untilTold("serves", 3)
	second := h.until("another worker", func(b book) bool { return len(b.state.Workers) == 2 && b.pids()[0] != first.pids()[0] })
	if want := w.who("serves")[2]; !slices.Contains(second.pids(), want) || slices.Contains(second.pids(), first.pids()[0]) {
		t.Errorf("%v, of which %d is the new one", second.pids(), want)
	}
	slots := []int{second.state.Workers[0].ID, second.state.Workers[1].ID}
	if !slices.Equal(slots, []int{1, 2}) {
		t.Errorf("slots %v", slots)
	}
}

// What a master wrote before it ended is told before its end is.
func TestTailOfFailedStart(t *testing.T) {
	w := newWorld(t)
	said := w.start(w.spec(options{"crash": 3, "chatter": 5})).untilOver()
	if n := len(said.tail); n < 2 || said.tail[n-1] != "cannot load the app: it is broken" || said.tail[n-2] != "line 4" {
		t.Errorf("%q", said.tail)
	}
	if said.state.Whole || len(said.states) > 0 {
		t.Errorf("%+v", said.states)
	}
}

// What it writes while it boots is told as it comes, and no more once it serves.
func TestTailWhileItBoots(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"hang": true, "chatter": 300}))
	h.until("the last line", func(b book) bool { return len(b.tail) > 0 && b.tail[len(b.tail)-1] == "line 299" })
}

// Workers that die of the app before they serve, one after the other for ever: that is told, once.
func TestFutileWorkers(t *testing.T) {
	w := newWorld(t)
	h := w.start(w.spec(options{"crash_workers": true}))
	said := h.until("a verdict", func(b book) bool { return b.failed != "" })
	if said.state.Whole {
		t.Errorf("%+v", said)
	}
	h.say(master.DoStop, 0)
	h.untilOver()
}

// A server that has only so long to listen is given up then, and not when it has begun to in time.
func TestTimeToListen(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{"bind": 0, "boot": 60})
	spec.Listens = 50 * time.Millisecond
	h := w.start(spec)
	said := h.until("a verdict", func(b book) bool { return b.failed != "" })
	if said.failed != "it listens nowhere after 50ms" {
		t.Error(said.failed)
	}
	h.say(master.DoStop, 0)
	h.untilOver()

	spec = w.spec(options{"bind": 0, "load": 2.5})
	spec.Listens = 2 * time.Second
	if said := w.start(spec).untilServes(2); said.failed != "" {
		t.Error(said.failed)
	}
}

// Commands that are run at boot are no workers that died.
func TestCommandsAtBoot(t *testing.T) {
	w := newWorld(t)
	said := w.start(w.spec(options{"helpers": 150})).untilServes(2)
	if said.failed != "" {
		t.Error(said.failed)
	}
}
