package foreign

import (
	"testing"

	"golang.org/x/sys/unix"
)

// await follows what somebody else has told the master to start.
func (h *herder) await() *herder {
	h.w.t.Helper()
	spec := h.spec
	spec.Generation++
	spec.After = h.Follower
	f, err := Await(h.ref(), spec)
	check(h.w.t, err)
	return h.w.hear(f)
}

// A successor is found that somebody else has asked for, whether it is there already or comes yet; not what the master has
// started before, though it be the same program.
func TestSuccessorIsAwaited(t *testing.T) {
	atOnce := func(*world) {}
	for _, c := range []struct {
		moment  string
		wait    func(w *world)
		pidFile string
	}{
		{"at once", atOnce, "no pid file"}, {"at once", atOnce, "oldbin"}, {"at once", atOnce, "another program and a pid file"},
		{"as it is born", func(w *world) { w.untilTold("born", 2) }, "a late one"},
		{"serving", func(w *world) { w.untilTold("serves", 4) }, "oldbin"},
	} {
		t.Run(c.moment+", "+c.pidFile, func(t *testing.T) {
			w := newWorld(t)
			o := pidFiles(w)[c.pidFile]
			o["twin"] = true
			old := w.bound(o)
			w.mode(options{"boot": 0.3})
			w.signal(old.ref().PID, unix.SIGUSR2)
			w.untilTold("room", 1)
			c.wait(w)
			said := old.await().untilServes(2)
			if booted := w.who("booted"); said.found.PID != booted[1] {
				t.Errorf("found %+v, booted have %v", said.found, booted)
			}
		})
	}
}

// One that dies before a file names it is a failure all the same, and is said to be soon.
func TestAwaitedDies(t *testing.T) {
	for name, c := range map[string]struct{ first, mode options }{
		"at boot": {options{"pid": ""}, options{"boot": 0.3, "crash": 1}},
		"at once": {options{"pid": "", "fleeting": true}, options{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.first["pid"] = w.path("pid")
			old := w.bound(c.first)
			w.mode(c.mode)
			w.signal(old.ref().PID, unix.SIGUSR2)
			w.untilTold("room", 1)
			if name == "at once" {
				w.untilTold("successor died", 1)
			}
			said := old.await().untilOver()
			if said.state.Whole || name == "at once" && said.failed != "the successor ended as soon as it was there" {
				t.Errorf("%+v", said)
			}
			old.untilServes(2)
		})
	}
}
