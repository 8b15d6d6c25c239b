package foreign

import (
	"fmt"
	"slices"
	"testing"
)

// A daemon is found, with one fork and with two, with a pid file and without; orders that came meanwhile reach it.
func TestDaemonIsFound(t *testing.T) {
	for _, forks := range []int{1, 2} {
		for _, pid := range []string{"", "pid"} {
			t.Run(fmt.Sprintf("%d forks, pid file %q", forks, pid), func(t *testing.T) {
				w := newWorld(t)
				o := options{"daemon": forks, "bind": 0}
				if pid != "" {
					o["pid"] = w.path(pid)
				}
				spec := w.spec(o)
				spec.Daemon = true
				h := w.start(spec)
				h.say("nudge", 1)
				said := h.untilServes(3)
				if said.found.PID != w.who("booted")[0] || said.found == h.process.Ref() {
					t.Errorf("found %+v, spawned %+v", said.found, h.process.Ref())
				}
				h.say("quit", 0)
				h.untilOver()
			})
		}
	}
}

// A daemon that dies before it can be found has not been left; a process that ends badly does not leave one.
func TestDaemonThatNeverComes(t *testing.T) {
	for name, c := range map[string]struct {
		o      options
		failed string
	}{
		"it dies":             {options{"daemon": 1, "stillborn": true}, "it ended well and has left no daemon"},
		"its parent ended so": {options{"crash": 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.o["bind"] = 0
			spec := w.spec(c.o)
			spec.Daemon = true
			said := w.start(spec).untilOver()
			if said.state.Whole || said.failed != c.failed || !slices.Contains(said.tail, "cannot load the app: it is broken") {
				t.Errorf("%+v", said)
			}
		})
	}
}

// A server that may leave the foreground, and does not, is followed as any other.
func TestNoDaemon(t *testing.T) {
	w := newWorld(t)
	spec := w.spec(options{"bind": 0})
	spec.Daemon = true
	h := w.start(spec)
	h.untilServes(2)
	h.say("quit", 0)
	h.untilOver()
}
