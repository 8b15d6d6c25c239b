package foreign

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// bound is a generation that binds by itself and serves.
func (w *world) bound(o options) *herder {
	w.t.Helper()
	o["bind"] = 0
	h := w.start(w.spec(o))
	h.untilServes(2)
	return h
}

// apart fails the test when two generations count the same process.
func apart(t *testing.T, a, b book) {
	t.Helper()
	for _, pid := range a.pids() {
		if slices.Contains(b.pids(), pid) {
			t.Errorf("%d is a worker of both", pid)
		}
	}
}

// pidFiles are the ways in which servers say who the successor is.
func pidFiles(w *world) map[string]options {
	return map[string]options{
		"no pid file": {}, "oldbin": {"pid": w.path("pid")}, "dot2": {"pid": w.path("pid"), "naming": "dot2"},
		"a late one": {"pid": w.path("pid"), "late_pid": 0.5}, "another program": {"decoy": true},
		"another program and a pid file": {"decoy": true, "pid": w.path("pid")},
	}
}

// A successor is found whether or not a pid file names it; its workers are its own, and the old one's stay the old one's.
func TestU12U13SuccessorIsFound(t *testing.T) {
	for name := range pidFiles(&world{}) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old := w.bound(pidFiles(w)[name])
			successor := old.renew(unchanged)
			said := successor.untilServes(2)
			if booted := w.who("booted"); said.found.PID != booted[1] || parentOf(w, said.found.PID) != old.ref().PID {
				t.Errorf("found %+v, booted have %v", said.found, booted)
			}
			old.looked()
			apart(t, old.read(), said)
			old.untilServes(2)
			old.say("quit", 0)
			old.untilOver()
			if again := successor.looked(); len(again.Workers) != 2 {
				t.Errorf("%+v", again)
			}
			w.renewedAgain(successor)
		})
	}
}

// renewedAgain: a successor that was found is asked for the next one.
func (w *world) renewedAgain(h *herder) {
	w.t.Helper()
	next := h.renew(unchanged)
	said := next.untilServes(2)
	if parent := parentOf(w, said.found.PID); parent != h.ref().PID {
		w.t.Errorf("the third one has the parent %d, not %d", parent, h.ref().PID)
	}
}

// The old master's books do not take in the successor's workers, not even those that served before it was found.
func TestOldDoesNotCountTheSuccessors(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"workers": 2})
	w.signal(old.ref().PID, unix.SIGUSR2) // nobody has told us
	w.untilTold("serves", 4)
	for deadline := time.Now().Add(patience); len(old.looked().Workers) != 4; { // it waits a moment after it said so
		if time.Now().After(deadline) {
			t.Fatal("there is no successor that could be told from workers")
		}
	}
	ref := w.ref(w.untilTold("booted", 2)[1])
	spec := old.spec
	f, err := Follow(ref, spec)
	check(t, err)
	successor := w.hear(f)
	said := successor.untilServes(2)
	apart(t, old.untilServes(2), said)
}

func (w *world) ref(pid int) proc.Ref {
	w.t.Helper()
	st, err := proc.Proc.Stat(pid)
	check(w.t, err)
	return st.Ref()
}

// KillTree of the old one spares the successor, which is below it.
func TestKillOfTheOldSparesTheSuccessor(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"workers": 2})
	successor := old.renew(unchanged)
	said := successor.untilServes(2)
	left, err := proc.Proc.KillTree(old.ref(), patience, w.masters.Except(old.ref())...)
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	old.untilOver()
	for _, pid := range old.read().pids() {
		if alive(pid) {
			t.Errorf("worker %d of the old one lives", pid)
		}
	}
	if now := successor.looked(); len(now.Workers) != 2 || !alive(said.found.PID) {
		t.Errorf("%+v", now)
	}
}

// A server that does not hear is not waited for for ever.
func TestSuccessorThatNeverComes(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"deaf": true})
	successor := old.renew(func(s *Spec) { s.seekFor = 300 * time.Millisecond })
	said := successor.untilOver()
	if said.failed != "no successor appeared within 300ms" {
		t.Errorf("%q", said.failed)
	}
	if now := old.looked(); len(now.Workers) != 2 {
		t.Errorf("%+v", now)
	}
}

// The old master leaves as soon as it has started its successor: that one is ours then, and found.
func TestOldDiesDuringTheSearch(t *testing.T) {
	for _, pid := range []bool{false, true} {
		t.Run(fmt.Sprint("pid file ", pid), func(t *testing.T) {
			w := newWorld(t)
			o := options{"die_on_renew": true}
			if pid {
				o["pid"] = w.path("pid")
			}
			old := w.bound(o)
			successor := old.renew(unchanged)
			said := successor.untilServes(2)
			if said.found.PID != w.who("booted")[1] || parentOf(w, said.found.PID) != os.Getpid() {
				t.Errorf("found %+v", said.found)
			}
			old.untilOver()
		})
	}
}

// A successor that dies at boot is a grandchild of ours, whose status its parent has; its end is told all the same.
func TestSuccessorDiesAtBoot(t *testing.T) {
	for _, pid := range []bool{false, true} {
		t.Run(fmt.Sprint("pid file ", pid), func(t *testing.T) {
			w := newWorld(t)
			o := options{}
			if pid {
				o["pid"] = w.path("pid")
			}
			old := w.bound(o)
			w.mode(options{"boot": 0.5, "crash": 1})
			said := old.renew(unchanged).untilOver()
			if said.found.PID == 0 || said.state.Whole {
				t.Errorf("%+v", said)
			}
			w.untilTold("successor died", 1)
			if now := old.looked(); len(now.Workers) != 2 {
				t.Errorf("%+v", now)
			}
		})
	}
}

// A successor that is gone before it could be found is one that never came.
func TestSuccessorDiesAtOnce(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"pid": w.path("pid")})
	w.mode(options{"crash": 1})
	said := old.renew(func(s *Spec) { s.seekFor = 2 * time.Second }).untilOver()
	if said.state.Whole {
		t.Errorf("%+v", said)
	}
	if now := old.looked(); len(now.Workers) != 2 {
		t.Errorf("%+v", now)
	}
}

// What the hooks of a successor do to the old master is seen at that one: dead, or with fewer workers.
func TestHooksOfTheSuccessor(t *testing.T) {
	for hook, after := range map[string]func(old *herder){
		"QUIT": func(old *herder) { old.untilOver() },
		"KILL": func(old *herder) { old.untilOver() },
		"TTOU": func(old *herder) {
			old.w.untilTold("TTOU", 1)
			old.untilServes(1)
			old.say("restore", 2)
			old.untilServes(2)
		},
	} {
		t.Run(hook, func(t *testing.T) {
			w := newWorld(t)
			old := w.bound(options{"hook": hook})
			successor := old.renew(unchanged)
			successor.untilServes(2)
			after(old)
			if now := successor.looked(); len(now.Workers) != 2 {
				t.Errorf("%+v", now)
			}
		})
	}
}

// What must not wait is said as soon as the master is found, and the rest when it is whole.
func TestOrdersDuringTheSearch(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{})
	w.mode(options{"boot": 0.3})
	successor := old.renew(unchanged)
	successor.say("reopen", 0)
	successor.say("quit", 0)
	said := successor.untilOver()
	if said.state.Whole || slices.Contains(w.who("USR1"), said.found.PID) {
		t.Errorf("it served before it left: %+v", said)
	}
	old.untilServes(2)
}

// Nobody can be asked who is gone, and nobody followed.
func TestNobodyThere(t *testing.T) {
	w := newWorld(t)
	h := w.bound(options{})
	ref := h.ref()
	p, err := proc.OpenRef(ref)
	check(t, err)
	defer p.Close()
	w.signal(ref.PID, unix.SIGKILL)
	h.untilOver()
	_, err = proc.Reap(ref.PID)
	check(t, err)
	if _, err := Renew(p, h.spec); err == nil {
		t.Error("a successor is asked of a master that is gone")
	}
	if _, err := Follow(ref, h.spec); err == nil {
		t.Error("a master that is gone is followed")
	}
	spec := h.spec
	spec.Row.Says[8] = ""
	if _, err := Renew(p, spec); err == nil {
		t.Error("asked without a word for it")
	}
}
