package supervisor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/herd"
)

// parrot says what it is told.
type parrot struct{ k *fakeKernel }

func (p parrot) Heard(s unix.Signal) { p.k.say("heard %s", unix.SignalName(s)) }

func (p parrot) Did(e herd.Effect, look Looker) {
	if a, ok := e.(herd.Adopt); ok {
		p.k.say("saw generation %d", look(a.Gen).Generation)
	}
	p.k.say("did %s", e)
}

func TestWitnessIsToldWhatHasBeenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		r := startWitnessed(k, parrot{k})
		time.Sleep(5 * time.Second) // of fake time
		r.signals <- unix.SIGWINCH + 100
		r.signals <- unix.SIGHUP
		time.Sleep(5 * time.Second)
		r.stop(t)
		said := k.story()
		wantOrder(t, said, "spawn 1", "did spawn gen=1", "adopt 1", "saw generation 1", "did adopt gen=1", "heard SIGHUP",
			"did check", "spawn 2", "did spawn gen=2", "did adopt gen=2", "did conclude", "heard SIGTERM", "did leave")
		if n := strings.Count(said, "heard "); n != 2 {
			t.Errorf("%d signals were heard, want those two that ask for something:\n%s", n, said)
		}
	})
}
