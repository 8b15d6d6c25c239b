package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/herd"
)

// fakeKernel is a world of scripted generations on fake time. How generation
// n behaves is lives[n]; the default is a good one.
type fakeKernel struct {
	notices chan Notice
	lives   map[int]life
	boot    time.Duration // of a good generation
	refuse  error         // what the preflight says
	spoiled atomic.Bool   // a listener must be bound anew

	mu    sync.Mutex
	said  []string // every effect, in order
	alive map[int]bool
	gone  chan struct{}
}

// life is how a generation behaves.
type life int

const (
	good         life = iota
	crashes           // says it failed, and leaves
	hangs             // never says anything, but leaves when told
	stubborn          // serves, ignores quit, dies of a kill
	unborn            // cannot be spawned
	dies              // serves for a second, then everything is gone
	losesMaster       // serves for a minute, then its master dies; workers stay
	neverTouched      // for tests of what must not happen
)

// fakePID and its number make the pid of a generation's master.
const fakePID = 1000

func newFakeKernel() *fakeKernel {
	return &fakeKernel{
		notices: make(chan Notice), lives: map[int]life{}, boot: time.Second,
		alive: map[int]bool{}, gone: make(chan struct{}),
	}
}

func (k *fakeKernel) say(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said = append(k.said, fmt.Sprintf(format, args...))
}

func (k *fakeKernel) story() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.said, "\n")
}

// after lets events happen later.
func (k *fakeKernel) after(d time.Duration, events ...herd.Event) {
	go func() {
		select {
		case <-time.After(d):
		case <-k.gone:
			return
		}
		select {
		case k.notices <- func() []herd.Event { return events }:
		case <-k.gone:
		}
	}()
}

func (k *fakeKernel) Notices() <-chan Notice { return k.notices }

func (k *fakeKernel) Check(try int) {
	why := ""
	if k.refuse != nil {
		why = k.refuse.Error()
	}
	k.say("check")
	k.after(time.Millisecond, herd.Checked{Try: try, Why: why, Policy: testPolicy()})
}

func (k *fakeKernel) Spawn(gen, workers int) []herd.Event {
	k.say("spawn %d", gen)
	if k.lives[gen] == unborn {
		return []herd.Event{herd.StartFailed{Gen: gen, Why: "no fork"}}
	}
	k.alive[gen] = true
	k.after(time.Millisecond, herd.Up{Gen: gen})
	up := herd.Up{Gen: gen, N: workers}
	switch k.lives[gen] {
	case good, stubborn, neverTouched:
		k.after(k.boot, up)
	case crashes:
		k.after(k.boot, herd.Failed{Gen: gen, Why: "worker 1: exit 1"}, herd.Died{Gen: gen, How: "exit 1"}, herd.Emptied{Gen: gen})
	case dies:
		k.after(k.boot, up)
		k.after(k.boot+time.Second, herd.Died{Gen: gen, How: "killed by SIGKILL"}, herd.Emptied{Gen: gen})
	case losesMaster:
		k.after(k.boot, up)
		k.after(k.boot+time.Minute, herd.Died{Gen: gen, How: "killed by SIGKILL"})
	}
	return nil
}

func (k *fakeKernel) Follow(gen int) []herd.Event { return k.Spawn(gen, 1) }

func (k *fakeKernel) Tell(t herd.Tell) []herd.Event {
	k.say("%s", t.String())
	if !k.alive[t.Gen] {
		panic(fmt.Sprintf("generation %d is told %s, but it is gone", t.Gen, t.Verb))
	}
	leaves := t.Verb == herd.Kill || k.lives[t.Gen] != stubborn && (t.Verb == herd.Quit || t.Verb == herd.Halt)
	if leaves {
		k.after(10*time.Millisecond, herd.Died{Gen: t.Gen, How: "exit 0"}, herd.Emptied{Gen: t.Gen})
	}
	return nil
}

// mended: a listener that was bound anew takes a new generation.
func (k *fakeKernel) mended() []herd.Event {
	if k.spoiled.Swap(false) {
		return []herd.Event{herd.Upgrade{}}
	}
	return nil
}

func (k *fakeKernel) Seal(gen int) []herd.Event {
	k.say("seal %d", gen)
	return []herd.Event{herd.Drained{Gen: gen}}
}

func (k *fakeKernel) Publish(p herd.Publish) []herd.Event { k.say("%s", p); return nil }
func (k *fakeKernel) Adopt(gen int) []herd.Event          { k.say("adopt %d", gen); return k.mended() }
func (k *fakeKernel) Mend() []herd.Event                  { k.say("mend"); return k.mended() }
func (k *fakeKernel) Release(gen int)                     { k.say("release %d", gen); delete(k.alive, gen) }
func (k *fakeKernel) Forget()                             {}
func (k *fakeKernel) Reopen()                             { k.say("reopen") }
func (k *fakeKernel) Relay(gen int, to, sig string) error {
	return errors.New("nobody there")
}
func (k *fakeKernel) Look(gen int) (control.Generation, []string) {
	return control.Generation{Generation: gen, Master: &control.Master{PID: fakePID + gen}}, []string{"last line"}
}
func (k *fakeKernel) Listeners() []control.Listener { return nil }

// Examine sees a generation that is as it should be, but for one worker that is missing in generation 2.
func (k *fakeKernel) Examine(known doctor.Herd, serving int, answer func(doctor.Herd)) {
	if serving > 0 {
		known.Serving = &doctor.Generation{Number: serving, Want: 2, Up: 3 - serving}
	}
	answer(known)
}

func testPolicy() herd.Policy {
	p := herd.Defaults()
	p.Workers = 2
	return p
}
