package supervisor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// wish turns a signal to the herder into an event.
func (h *Herder) wish(s os.Signal) []herd.Event {
	events := h.companion.Heard(s, h.meaning(s), h.relayAny)
	if len(events) > 0 {
		sig, _ := s.(unix.Signal) // package os/signal has no others
		h.log.Info("signal", "signal", proc.SignalName(sig))
	}
	if slices.Contains(events, herd.Event(herd.Reopen{})) {
		h.kernel.Reopen()
	}
	return events
}

// meaning is the table of signals in the README. Anything not in it is harmless.
func (h *Herder) meaning(s os.Signal) []herd.Event {
	switch s {
	case unix.SIGHUP, unix.SIGUSR2:
		return []herd.Event{herd.Upgrade{}}
	case unix.SIGTERM, unix.SIGQUIT:
		return []herd.Event{herd.Stop{}}
	case unix.SIGINT:
		return []herd.Event{herd.Quick{}}
	case unix.SIGUSR1:
		return []herd.Event{herd.Reopen{}}
	case unix.SIGTTIN:
		return []herd.Event{herd.Scale{N: 1, Relative: true}}
	case unix.SIGTTOU:
		return []herd.Event{herd.Scale{N: -1, Relative: true}}
	case unix.SIGWINCH:
		if !h.tty {
			return []herd.Event{herd.Drain{}}
		}
	}
	return nil
}

// request is what a client asked for, and where the answer goes.
type request struct {
	control.Request
	answer chan<- control.Reply
}

// Handle answers a request of the control socket; it is called in the
// client's goroutine and only passes the request to the loop.
func (h *Herder) Handle(ctx context.Context, r control.Request) control.Reply {
	answer := make(chan control.Reply, 1)
	select {
	case h.requests <- request{r, answer}:
		return control.Await(ctx, answer)
	case <-ctx.Done():
		return control.Await(ctx, answer)
	}
}

// request turns a request into an event; what needs no decision is answered
// here and now.
func (h *Herder) request(r request) []herd.Event {
	switch r.Do {
	case control.DoStatus:
		events := h.kernel.Mend() // first, so that the answer is true
		r.answer <- control.Reply{Status: h.status()}
		return events
	case control.DoReady:
		events := h.kernel.Mend()
		r.answer <- h.ready()
		return events
	case control.DoDoctor:
		h.examine(r.answer)
	case control.DoSignal:
		r.answer <- h.relay(r.Request)
	case control.DoUpgrade:
		return []herd.Event{herd.Upgrade{ID: h.wait(r)}}
	case control.DoStop:
		if r.Now {
			return []herd.Event{herd.Quick{ID: h.wait(r)}}
		}
		return []herd.Event{herd.Stop{ID: h.wait(r)}}
	case control.DoScale:
		n, err := strconv.ParseInt(r.Arg, 10, 32) // so that no sum overflows
		if err != nil {
			r.answer <- control.Reply{Code: control.Usage, Error: fmt.Sprintf("cannot scale to %q: want N, +N or -N", r.Arg)}
			return nil
		}
		return []herd.Event{herd.Scale{ID: h.wait(r), N: int(n), Relative: strings.ContainsAny(r.Arg[:1], "+-")}}
	default:
		r.answer <- control.Reply{Code: control.Usage, Error: fmt.Sprintf("cannot do %q: this herder does not know it", r.Do)}
	}
	return nil
}

// wait gives the caller a number under which the core answers.
func (h *Herder) wait(r request) int {
	h.lastID++
	h.callers[h.lastID] = r.answer
	return h.lastID
}

// ready: runit's ./check and a container's probe. A generation serves when a
// worker of its does; workers whose master died count.
func (h *Herder) ready() control.Reply {
	s := h.core.Snapshot()
	for _, g := range s.Generations {
		if g.Number == s.Serving && g.Up > 0 {
			return control.Reply{Note: fmt.Sprintf("generation %d serves", s.Serving)}
		}
	}
	return control.Reply{Code: control.Failed, Error: "no worker of a serving generation is up: " + stateName(s.Phase)}
}

// relay sends a signal on as it is: for what has no verb.
func (h *Herder) relay(r control.Request) control.Reply {
	s := h.core.Snapshot()
	gen, to := s.Serving, r.To
	if to == "old" {
		gen, to = 0, "master"
		for _, g := range s.Generations {
			if g.Number != s.Serving && g.Number != s.Successor && !g.Headless {
				gen = g.Number
			}
		}
		if s.Successor != 0 {
			gen = s.Serving
		}
	}
	if gen == 0 {
		return control.Reply{Code: control.NoSuch, Error: fmt.Sprintf("cannot send %s to %s: there is none", r.Arg, r.To)}
	}
	if err := h.kernel.Relay(gen, to, r.Arg); err != nil {
		return control.Reply{Code: control.Failed, Error: err.Error()}
	}
	return control.Reply{}
}
