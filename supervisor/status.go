package supervisor

import (
	"fmt"
	"os"
	"slices"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// status describes the herd as it stands at this moment.
func (h *Herder) status() *control.Status {
	snap := h.core.Snapshot()
	s := &control.Status{
		Name: h.name, PID: os.Getpid(), State: stateName(snap.Phase),
		Listeners: h.kernel.Listeners(), LastUpgrade: h.last,
	}
	if snap.Phase == herd.Waiting {
		s.NextStart = &control.NextStart{At: snap.Due, Reason: snap.Why, Tries: snap.Tries}
	}
	for _, g := range snap.Generations {
		seen, _ := h.kernel.Look(g.Number)
		seen.Generation = g.Number
		switch g.Number {
		case snap.Serving:
			s.Serving = &seen
		case snap.Successor:
			s.Successor = &seen
		default:
			s.Retiring = append(s.Retiring, seen)
		}
	}
	slices.SortFunc(s.Retiring, func(a, b control.Generation) int { return a.Generation - b.Generation })
	return s
}

// stateName is the phase in the words of the status; waiting reads as backoff
// to people who know supervisord.
func stateName(p herd.Phase) string {
	switch p {
	case herd.Waiting:
		return "backoff"
	case herd.Hurrying:
		return herd.Stopping.String()
	}
	return p.String()
}

// stateReady is the sd_notify(3) message for a generation that serves.
func stateReady(s herd.Snapshot) string {
	return fmt.Sprintf("READY=1\nSTATUS=generation %d serves, %d workers", s.Serving, s.Workers)
}
