package herd

import "time"

// Event is something that happened: a wish of a person, or a fact about a
// generation. The tables in phase.go say what each does.
type Event interface{ kind() Kind }

// Kind names the rows of the tables.
type Kind int

// The first group are events of the herd as a whole. The second is what the
// facts about one generation mean for the herd, by the role it has.
const (
	AskedUpgrade Kind = iota
	AskedStop
	AskedQuick
	AskedScale
	AskedDrain
	AskedReopen
	PreflightDone
	PidFileTouched
	SuccessorAppeared
	HerdDue

	SuccessorServes
	SuccessorLost
	ServingOrphaned
	ServingLost
	OutgoingLost
	Departed
	ServingQuit
	SuccessorQuit
	OutgoingQuit
	numKinds
)

var kindNames = [numKinds]string{
	"asked to upgrade", "asked to stop", "asked to stop quickly", "asked to scale", "asked to drain workers", "asked to reopen logs",
	"preflight done", "pid file touched", "a successor appeared unasked", "deadline passed",
	"successor serves", "successor lost", "serving master died, workers left", "serving generation lost", "outgoing generation lost",
	"another generation gone", "QUIT sent to the serving master", "QUIT sent to the successor", "QUIT sent to the outgoing master",
}

func (k Kind) String() string { return kindNames[k] }

// Wishes. ID names the caller who waits for a reply; 0 is a signal, which
// nobody waits for.
type (
	// Upgrade asks for the passage to the next generation.
	Upgrade struct{ ID int }
	// Stop asks every generation to finish what it has in hand and leave.
	Stop struct{ ID int }
	// Quick asks for the end without finishing.
	Quick struct{ ID int }
	// Scale asks for N workers, or N more (fewer when negative) if Relative.
	Scale struct {
		ID, N    int
		Relative bool
	}
	// Drain asks the workers to leave while the master stays (WINCH).
	Drain struct{ ID int }
	// Reopen asks everybody to reopen their logs.
	Reopen struct{ ID int }
	// Retire says that somebody signalled a master directly, by its pid file.
	Retire struct {
		Gen   int
		Quick bool
	}
)

// Facts.
type (
	// Checked answers the effect [Check] with the same Try. Why is empty when
	// the next generation may be tried, with the policy it brings.
	Checked struct {
		Try    int
		Why    string
		Policy Policy
	}
	// Touched says that somebody changed or removed a pid file of ours, or
	// (Failed) that it could not be written.
	Touched struct{ Failed bool }
	// Appeared says that a foreign master has started its successor because somebody
	// else told it to; answered by [Follow], or not at all.
	Appeared struct{}
	// Due says that the deadline has passed.
	Due struct{}

	// StartFailed says that the master of Gen could not be spawned; nothing is
	// left of it.
	StartFailed struct {
		Gen int
		Why string
	}
	// Up says that N workers of Gen are ready. The last word counts. A master says it
	// at least once, even when it has no worker to start.
	Up struct{ Gen, N int }
	// Extend says that a worker of Gen that boots asks for this long from now
	// (EXTEND_TIMEOUT_USEC of sd_notify(3)).
	Extend struct {
		Gen int
		By  time.Duration
	}
	// Doubt says of a Gen that boots what may be the reason, should it not become ready
	// in time. The last word counts.
	Doubt struct {
		Gen int
		Why string
	}
	// Failed says that the master of Gen gives its first start up, and leaves
	// by itself.
	Failed struct {
		Gen int
		Why string
	}
	// Died says that the master of Gen is gone; processes of its may be left.
	Died struct {
		Gen int
		How string
	}
	// Emptied says that no process of Gen is left.
	Emptied struct{ Gen int }
	// Drained says that the listeners sealed for Gen have nobody waiting any
	// more.
	Drained struct{ Gen int }
)

func (Upgrade) kind() Kind  { return AskedUpgrade }
func (Stop) kind() Kind     { return AskedStop }
func (Quick) kind() Kind    { return AskedQuick }
func (Scale) kind() Kind    { return AskedScale }
func (Drain) kind() Kind    { return AskedDrain }
func (Reopen) kind() Kind   { return AskedReopen }
func (Checked) kind() Kind  { return PreflightDone }
func (Touched) kind() Kind  { return PidFileTouched }
func (Appeared) kind() Kind { return SuccessorAppeared }
func (Due) kind() Kind      { return HerdDue }

// The rest happen to one generation: its own table decides first.
func (Retire) kind() Kind      { return ofGeneration }
func (StartFailed) kind() Kind { return ofGeneration }
func (Up) kind() Kind          { return ofGeneration }
func (Extend) kind() Kind      { return ofGeneration }
func (Doubt) kind() Kind       { return ofGeneration }
func (Failed) kind() Kind      { return ofGeneration }
func (Died) kind() Kind        { return ofGeneration }
func (Emptied) kind() Kind     { return ofGeneration }
func (Drained) kind() Kind     { return ofGeneration }

const ofGeneration Kind = -1

// Fact names the rows of a generation's table.
type Fact int

const (
	factStartFailed Fact = iota
	factUp
	factExtend
	factDoubt
	factFailed
	factDied
	factEmptied
	factDrained
	factDue
	numFacts
)

var factNames = [numFacts]string{
	"could not be spawned", "workers up", "a worker asks for more time", "it seems to go astray", "gave its start up", "master died", "nothing left", "queues empty", "deadline passed",
}

func (f Fact) String() string { return factNames[f] }

// about returns the generation that e is about, and the row of its table.
func about(e Event) (gen int, f Fact, why string) {
	switch e := e.(type) {
	case StartFailed:
		return e.Gen, factStartFailed, e.Why
	case Up:
		return e.Gen, factUp, ""
	case Extend:
		return e.Gen, factExtend, ""
	case Doubt:
		return e.Gen, factDoubt, e.Why
	case Failed:
		return e.Gen, factFailed, e.Why
	case Died:
		return e.Gen, factDied, e.How
	case Emptied:
		return e.Gen, factEmptied, ""
	case Drained:
		return e.Gen, factDrained, ""
	}
	return 0, numFacts, ""
}
