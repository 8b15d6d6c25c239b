package foreign

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Close ends the following at each moment and leaves nothing behind (TestMain looks), and does nothing to the server.
func TestCloseAtEachMoment(t *testing.T) {
	for name, until := range map[string]func(w *world) *herder{
		"at once": func(w *world) *herder { return w.start(w.spec(options{})) },
		"booting": func(w *world) *herder {
			h := w.start(w.spec(options{"hang": true}))
			w.untilTold("booted", 1)
			return h
		},
		"probing": func(w *world) *herder {
			h := w.startBy(ready.KindHTTP, options{"hang": true})
			w.untilTold("booted", 1)
			h.looked()
			return h
		},
		"serving": func(w *world) *herder {
			h := w.start(w.spec(options{}))
			h.untilServes(2)
			return h
		},
		"searching": func(w *world) *herder { return w.bound(options{"deaf": true}).renew(unchanged) },
		"searching for a daemon": func(w *world) *herder {
			spec := w.spec(options{"daemon": 2, "boot": 60})
			spec.Daemon, spec.Pidfile = true, w.path("never")
			h := w.start(spec)
			w.until("that it has left", func() bool { return !alive(h.process.Ref().PID) })
			return h
		},
		"after the end": func(w *world) *herder {
			h := w.start(w.spec(options{"crash": 1}))
			h.untilOver()
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := until(w)
			h.Close()
			h.Close()
			h.say("quit", 0) // nobody hears it
			h.untilOver()
			if h.process != nil && name != "after the end" && name != "searching for a daemon" && !alive(h.process.Ref().PID) {
				t.Error("the server was ended")
			}
			if others := w.masters.Except(proc.Ref{}); len(others) > 1 {
				t.Errorf("still known: %v", others)
			}
		})
	}
}

// Workers and master die at once, while nobody takes the reports: Close must not wait for that.
func TestCloseWhenAllHaveDied(t *testing.T) {
	w := newWorld(t)
	f, p, err := Start(w.spawner, w.spec(options{"workers": 4}))
	check(t, err)
	defer p.Close()
	for _, pid := range w.untilTold("serves", 4) {
		w.signal(pid, unix.SIGKILL)
	}
	w.signal(p.Ref().PID, unix.SIGKILL)
	over := make(chan struct{})
	go func() { f.Close(); close(over) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
		t.Fatal("Close does not return")
	}
}

// What cannot be spawned leaves nothing behind.
func TestCannotSpawn(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*Spec){
		"no such program":   func(s *Spec) { s.Path = "/nonexistent" },
		"no such listener":  func(s *Spec) { s.Argv = append(s.Argv, "{fd:other}") },
		"no such directory": func(s *Spec) { s.Dir = "/nonexistent" },
	} {
		spec := w.spec(options{})
		change(&spec)
		if f, p, err := Start(w.spawner, spec); err == nil || f != nil || p != nil {
			t.Errorf("%s: %v, %v, %v", name, f, p, err)
		}
		if known := w.masters.Except(proc.Ref{}); len(known) > 0 {
			t.Errorf("%s: %v", name, known)
		}
	}
}
