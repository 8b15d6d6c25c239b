package herd

import "fmt"

// Effect is something the shell must do now, in the order given.
type Effect interface{ String() string }

// Verb is what is asked of a master. How a server spells it is the dialect's
// affair; a generation whose master is gone is told by signals to what is left.
type Verb int

// Quit lets the workers finish; Halt does not; Kill is SIGKILL to every
// process of the generation. Nudge and Count are for masters that count their own
// workers: N more of them, N of them, as many as before the upgrade that failed.
const (
	Quit Verb = iota
	Halt
	Kill
	Resize
	Nudge
	Count
	Restore
	ReopenLogs
)

func (v Verb) String() string {
	return [...]string{"quit", "halt", "kill", "resize", "nudge", "count", "restore", "reopen-logs"}[v]
}

type (
	// Check reads the configuration again and looks for the app: the preflight.
	// Answered by [Checked].
	Check struct{ Try int }
	// Spawn starts the master of a new generation with that many workers.
	Spawn struct{ Gen, Workers int }
	// Follow makes the successor that has appeared a generation.
	Follow struct{ Gen int }
	// Tell says a verb to a generation; N is the number of workers for Resize,
	// Nudge and Count.
	Tell struct {
		Gen  int
		Verb Verb
		N    int
	}
	// Seal closes the door of the listeners that only leaving generations
	// accept on, so that what waits in their queues can still be answered.
	// Answered by [Drained].
	Seal struct{ Gen int }
	// Adopt makes the plan of Gen (its configuration and listeners) the current one.
	Adopt struct{ Gen int }
	// Release gives back what was kept for Gen; nothing of it is left.
	Release struct{ Gen int }
	// Publish says what the pid files must hold: the master of App in the pid
	// file, that of Old beside it as .oldbin; 0 is no file.
	Publish struct{ App, Old int }
	// Reply answers one caller.
	Reply struct {
		ID      int
		Outcome Outcome
		Why     string
	}
	// Conclude ends an upgrade: IDs wait for the verdict.
	Conclude struct {
		Verdict Verdict
		IDs     []int
	}
	// Note is one decision, for the log.
	Note struct {
		Gen  int
		Text string
	}
	// Bug is a note about what cannot happen.
	Bug struct{ Text string }
	// Leave ends the run; nothing of the herd is left.
	Leave struct{ Verdict Verdict }
)

func (e Check) String() string  { return fmt.Sprintf("check try=%d", e.Try) }
func (e Spawn) String() string  { return fmt.Sprintf("spawn gen=%d workers=%d", e.Gen, e.Workers) }
func (e Follow) String() string { return fmt.Sprintf("follow gen=%d", e.Gen) }
func (e Tell) String() string {
	return fmt.Sprintf("tell gen=%d %s", e.Gen, e.Words())
}

// Words is what is told, without to whom.
func (e Tell) Words() string {
	switch e.Verb {
	case Resize, Nudge, Count:
		return fmt.Sprintf("%s n=%d", e.Verb, e.N)
	}
	return e.Verb.String()
}
func (e Seal) String() string    { return fmt.Sprintf("seal gen=%d", e.Gen) }
func (e Adopt) String() string   { return fmt.Sprintf("adopt gen=%d", e.Gen) }
func (e Release) String() string { return fmt.Sprintf("release gen=%d", e.Gen) }
func (e Publish) String() string { return fmt.Sprintf("publish app=%d old=%d", e.App, e.Old) }
func (e Reply) String() string {
	return fmt.Sprintf("reply id=%d %s%s", e.ID, e.Outcome, because(e.Why))
}
func (e Conclude) String() string { return fmt.Sprintf("conclude %s ids=%v", e.Verdict, e.IDs) }
func (e Note) String() string     { return fmt.Sprintf("note gen=%d %q", e.Gen, e.Text) }
func (e Bug) String() string      { return fmt.Sprintf("bug %q", e.Text) }
func (e Leave) String() string    { return fmt.Sprintf("leave %s", e.Verdict) }

func because(why string) string {
	if why == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", why)
}
