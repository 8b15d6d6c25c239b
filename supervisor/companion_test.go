package supervisor

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/herd"
)

// impatient wants the next generation a minute after the last one was adopted, and
// hears no signal but TERM.
type impatient struct {
	k    *fakeKernel
	next time.Time
}

func (c *impatient) Begun() error { return nil }
func (c *impatient) Heard(s os.Signal, _ []herd.Event, _ func(int, string)) []herd.Event {
	c.k.say("heard %v", s)
	if s == unix.SIGTERM {
		return []herd.Event{herd.Stop{}}
	}
	return nil
}
func (c *impatient) Spawned(gen, pid int)            { c.k.say("spawned %d as %d", gen, pid) }
func (c *impatient) Ended(int, int, unix.WaitStatus) {}
func (c *impatient) Deadline() time.Time             { return c.next }
func (c *impatient) Due(now time.Time) (all []herd.Event) {
	c.next = time.Time{}
	return []herd.Event{herd.Upgrade{}}
}
func (c *impatient) Did(e herd.Effect, look Looker, now time.Time) {
	if a, ok := e.(herd.Adopt); ok && a.Gen < 3 {
		c.next = now.Add(time.Minute)
		c.k.say("saw generation %d", look(a.Gen).Generation)
	}
	c.k.say("did %s", e)
}

func TestCompanionIsToldAndAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		r := startHerdingWith(k, &impatient{k: k})
		time.Sleep(3 * time.Minute) // of fake time
		r.signals <- unix.SIGHUP
		time.Sleep(time.Minute)
		r.stop(t)
		said := k.story()
		wantOrder(t, said, "spawn 1", fmt.Sprintf("spawned 1 as %d", fakePID+1), "did spawn gen=1", "adopt 1", "saw generation 1", "did adopt gen=1",
			"check", "did check", "spawn 2", "did adopt gen=2", "spawn 3", "did adopt gen=3", "heard hangup", "heard terminated", "did leave")
		if strings.Contains(said, "spawn 4") {
			t.Errorf("a signal without a meaning had one:\n%s", said)
		}
	})
}
