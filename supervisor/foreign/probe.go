package foreign

import (
	"context"
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/ready"
)

// probing is a question put to the generation, beside the loop: where the user wants
// to know it is ready by an answer.
type probing struct {
	under    bool // there is one
	answered bool // well, and by a process of this generation
	trouble  string
	answer   chan error
}

// probe asks once, unless it is asked already, or nothing is to be asked.
func (f *Follower) probe() {
	ask := f.question()
	if ask == nil || f.probing.under || f.probing.answered {
		return
	}
	f.probing.under = true
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		err := ask(ctx)
		select {
		case f.probing.answer <- err:
		case <-f.done:
		}
	}()
	go func() { // a question must not outlive who asked it
		select {
		case <-f.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
}

// question is what a probe does; nil where the user wants none, or there is nobody to ask.
func (f *Follower) question() func(context.Context) error {
	how := f.spec.Ready
	switch how.Kind {
	case ready.KindHTTP, ready.KindTCP:
		if target, found := f.target(); found {
			ref := f.master.Ref()
			return func(ctx context.Context) error {
				return ready.Probe(ctx, how, target, func(pid int) bool { return below(pid, ref.PID) })
			}
		}
	}
	return nil
}

// target is the first listener that can be connected to.
func (f *Follower) target() (ready.Target, bool) {
	for _, l := range f.spec.Listeners {
		if l.Network == handoff.TCP || l.Network == handoff.Unix {
			return ready.Target{Network: l.Network, Address: l.Address}, true
		}
	}
	return ready.Target{}, false
}

// probed takes the answer; the next look asks again if it was none.
func (f *Follower) probed(err error) {
	f.probing.under = false
	if err == nil {
		f.probing.answered = true
		f.turn(time.Now())
		return
	}
	if text := err.Error(); text != f.probing.trouble {
		f.probing.trouble = text
		f.note("probe: " + text)
	}
}
