package herd

import (
	"fmt"
	"strings"
	"time"
)

// Outcome is how a wish, an upgrade, or the whole run ended.
type Outcome int

const (
	// Accepted: the wish is being carried out.
	Accepted Outcome = iota
	// Upgraded: the successor serves, the old generation has been told to leave.
	Upgraded
	// RolledBack: the successor did not make it; the old generation was kept.
	RolledBack
	// Refused: the preflight found a mistake; nothing was changed.
	Refused
	// Busy: another upgrade is under way.
	Busy
	// Leaving: the herd has been asked to stop.
	Leaving
	// Stopped: the run ended as asked.
	Stopped
	// NeverServed: no generation ever came up.
	NeverServed
)

var outcomeNames = [...]string{"accepted", "upgraded", "rolled back", "refused", "busy", "leaving", "stopped", "never served"}

func (o Outcome) String() string { return outcomeNames[o] }

// Verdict says how an upgrade, or the run, ended: what became of the passage
// from one generation to another, why, and how long it took. Of a run that
// never served, To is the last generation that was tried.
type Verdict struct {
	Outcome  Outcome
	Reason   string
	From, To int
	Took     time.Duration
}

// TooLate says whether a generation was given up because it was not ready in time.
func (v Verdict) TooLate() bool { return strings.HasPrefix(v.Reason, tooLate) }

// tooLate begins the reason of such a verdict.
const tooLate = "not ready after "

func (v Verdict) String() string {
	s := fmt.Sprintf("%s%s", v.Outcome, because(v.Reason))
	switch {
	case v.Outcome == NeverServed:
		s += fmt.Sprintf(" last=%d", v.To)
	case v.From != 0 || v.To != 0:
		s += fmt.Sprintf(" from=%d to=%d took=%s", v.From, v.To, v.Took)
	}
	return s
}
