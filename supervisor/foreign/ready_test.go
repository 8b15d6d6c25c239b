package foreign

import (
	"net"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/ready"
)

func how(kind ready.Kind) ready.How {
	return ready.How{Kind: kind, Path: "/", StatusMin: 200, StatusMax: 299, Delay: 300 * time.Millisecond}
}

// startBy starts a generation that is known to be ready in this way.
func (w *world) startBy(kind ready.Kind, o options) *herder {
	w.t.Helper()
	spec := w.spec(o)
	spec.Ready = how(kind)
	return w.start(spec)
}

// A probe is answered well, or asked again.
func TestProbes(t *testing.T) {
	for _, kind := range []ready.Kind{ready.KindHTTP, ready.KindTCP} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			h := w.startBy(kind, options{"load": 0.3})
			h.until("an answer", func(b book) bool { return b.state.Whole })
			if len(w.who("serves")) == 0 {
				t.Error("answered by nobody")
			}
			h.untilServes(2)
		})
	}
}

// An answer of another generation, which has the same listener, is none.
func TestProbeAnsweredElsewhere(t *testing.T) {
	w := newWorld(t)
	old := w.spec(options{})
	w.start(old).untilServes(2)
	w.mode(options{"hang": true})
	next := old
	next.Ready = how(ready.KindHTTP)
	h := w.start(next)
	said := h.until("the trouble", func(b book) bool { return b.noted("another generation answered") })
	if said.state.Whole || len(said.notes) != 1 {
		t.Errorf("%+v", said)
	}
}

// READY=1 counts where the user says so, and then alone.
func TestNotify(t *testing.T) {
	w := newWorld(t)
	h := w.startBy(ready.KindNotify, options{"ready": "served", "workers": 3, "apart": 0.2})
	said := h.until("READY=1", func(b book) bool { return b.state.Whole })
	if n := len(w.who("serves")); n < 2 {
		t.Errorf("%d serve: %+v", n, said.state)
	}
}

// An early READY=1 says nothing where workers can be seen.
func TestEarlyReadyIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	said := w.start(w.spec(options{"ready": "early", "boot": 0.5})).untilServes(2)
	if len(said.states) > 0 && len(said.states[0].Workers) == 0 {
		t.Errorf("%+v", said.states)
	}
}

// Without a listener READY=1 is all there is, or that it lives for a while.
func TestNothingToLookAt(t *testing.T) {
	for _, o := range []options{{"ready": "early", "hang": true}, {"hang": true}} {
		w := newWorld(t)
		spec := w.spec(o)
		spec.Listeners = nil
		start := time.Now()
		h := w.start(spec)
		h.until("that it serves", func(b book) bool { return b.state.Whole && b.state.Up == 1 })
		if o["ready"] == nil && time.Since(start) < unseen {
			t.Errorf("it was taken for ready after %v", time.Since(start))
		}
	}
}

// What a stranger says on the notify socket is nothing.
func TestStrangerIsNotHeard(t *testing.T) {
	w := newWorld(t)
	h := w.startBy(ready.KindNotify, options{})
	w.untilTold("serves", 2)
	conn, err := net.Dial("unixgram", h.notify.Address())
	check(t, err)
	defer conn.Close()
	for range 2 { // the first is heard to the end when the second is taken
		_, err = conn.Write([]byte("READY=1\nEXTEND_TIMEOUT_USEC=1000000"))
		check(t, err)
	}
	if st := h.looked(); st.Whole || len(h.read().extend) > 0 {
		t.Errorf("%+v", h.read())
	}
}

func TestExtend(t *testing.T) {
	w := newWorld(t)
	said := w.start(w.spec(options{"extend": 7})).untilServes(2)
	if len(said.extend) != 1 || said.extend[0] != 7*time.Second {
		t.Errorf("%v", said.extend)
	}
}

// delay waits, none does not.
func TestReadyByTime(t *testing.T) {
	for _, kind := range []ready.Kind{ready.KindDelay, ready.KindNone} {
		w := newWorld(t)
		start := time.Now()
		w.startBy(kind, options{"hang": true}).until("that it is ready", func(b book) bool { return b.state.Whole })
		if passed := time.Since(start); kind == ready.KindDelay && passed < 300*time.Millisecond {
			t.Errorf("%s: %v", kind, passed)
		}
	}
}
