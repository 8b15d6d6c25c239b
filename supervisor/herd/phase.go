package herd

import "time"

// Phase is what the herd as a whole is doing.
type Phase int

// In Starting and Waiting no whole generation serves (workers whose master
// died may still do); in Serving, Checking, Upgrading and Overlapping one did
// when the phase began. Stopping is graceful, Hurrying is not.
const (
	Starting Phase = iota
	Waiting
	Serving
	Checking
	Upgrading
	Overlapping
	Stopping
	Hurrying
	Done
	numPhases
)

var phaseNames = [numPhases]string{"starting", "waiting", "serving", "checking", "upgrading", "overlapping", "stopping", "hurrying", "done"}

func (p Phase) String() string { return phaseNames[p] }

// A cell is one decision: the verb that carries it out, and its name in
// STATES.md. A verb sets everything that its transition needs.
type cell struct {
	name string
	do   func(h *Herd, now time.Time, e Event)
}

var (
	// Wishes.
	check    = cell{"read the configuration, look for the app", (*Herd).check}
	remember = cell{"a signal is remembered once; a caller is told busy", (*Herd).remember}
	refuse   = cell{"refused: leaving", (*Herd).refuse}
	stop     = cell{"seal, then every generation finishes and leaves", (*Herd).stop}
	hurry    = cell{"every generation halts", (*Herd).hurry}
	killAll  = cell{"every generation is killed", (*Herd).killAll}
	scale    = cell{"resize what serves and what comes", (*Herd).scale}
	drain    = cell{"workers leave, the master stays", (*Herd).drain}
	reopen   = cell{"tell every master", (*Herd).reopen}
	accepted = cell{"is being done", (*Herd).accepted}
	notNow   = cell{"ignored: only while one generation serves", (*Herd).refuseNow}

	// Facts of the herd.
	checked   = cell{"spawn the successor, or refuse and go on as before", (*Herd).checked}
	giveUp    = cell{"refuse: the preflight did not answer", (*Herd).checkTimedOut}
	start     = cell{"spawn a generation", (*Herd).start}
	follow    = cell{"it is the successor; a preflight under way is dropped", (*Herd).follow}
	republish = cell{"write the pid files again", (*Herd).touched}

	// What the facts of a generation mean for the herd.
	serve       = cell{"it serves", (*Herd).serve}
	commit      = cell{"it serves; overlap begins", (*Herd).commit}
	proven      = cell{"verdict upgraded, the old generation leaves; or back to it, if workers of the new one are missing", (*Herd).proven}
	endOverlap  = cell{"verdict upgraded; the old generation leaves", (*Herd).endOverlap}
	failedStart = cell{"pause and try again, or give up after start_tries", (*Herd).successorFailedToStart}
	rollBack    = cell{"verdict rolled back; the old generation goes on", (*Herd).rollBack}
	backOut     = cell{"the successor leaves; verdict rolled back", (*Herd).backOut}
	turnBack    = cell{"back to the outgoing generation; verdict rolled back", (*Herd).turnBack}
	recover_    = cell{"start another generation, after a pause if it was short-lived", (*Herd).recover}
	goOn        = cell{"the next one is on its way: go on", (*Herd).goOn}
	carryOn     = cell{"the successor gets all its workers at once", (*Herd).carryOn}
	hasten      = cell{"the preflight must answer within seconds", (*Herd).hasten}
	noted       = cell{"nothing changes", (*Herd).goOn}
	departed    = cell{"done when it was the last", (*Herd).departed}

	// A master was signalled directly.
	quitServing = cell{"stop the herd, unless it was to be replaced a moment ago", (*Herd).quitServing}
	stopAsked   = cell{"stop the herd", (*Herd).quitHerd}
	hold        = cell{"remembered: it leaves as soon as the successor serves", (*Herd).hold}

	late = cell{"too late, ignored", (*Herd).tooLate}
	bug  = cell{"cannot happen", (*Herd).cannotHappen}
)

// herdTable says what each event does in each phase. It is filled by init
// because its verbs look further events up in it, which Go's initialization
// order takes for a cycle.
var herdTable [numKinds][numPhases]cell

func init() {
	herdTable = [numKinds][numPhases]cell{
		//                Starting     Waiting      Serving      Checking     Upgrading    Overlapping  Stopping     Hurrying     Done
		AskedUpgrade:      {remember, check, check, remember, remember, remember, refuse, refuse, refuse},
		AskedStop:         {stop, stop, stop, stop, stop, stop, hurry, accepted, refuse},
		AskedQuick:        {hurry, hurry, hurry, hurry, hurry, hurry, hurry, killAll, refuse},
		AskedScale:        {scale, scale, scale, scale, scale, scale, refuse, refuse, refuse},
		AskedDrain:        {notNow, notNow, drain, notNow, notNow, notNow, refuse, refuse, refuse},
		AskedReopen:       {reopen, reopen, reopen, reopen, reopen, reopen, reopen, reopen, refuse},
		PreflightDone:     {late, late, late, checked, late, late, late, late, late},
		PidFileTouched:    {republish, republish, republish, republish, republish, republish, republish, republish, late},
		SuccessorAppeared: {noted, noted, follow, follow, noted, noted, noted, noted, late},
		HerdDue:           {bug, start, bug, giveUp, bug, proven, bug, bug, bug},
		SuccessorServes:   {serve, bug, bug, bug, commit, bug, bug, bug, bug},
		SuccessorLost:     {failedStart, bug, bug, bug, rollBack, bug, bug, bug, bug},
		ServingOrphaned:   {bug, bug, recover_, goOn, carryOn, turnBack, bug, bug, bug},
		ServingLost:       {goOn, goOn, recover_, hasten, carryOn, turnBack, departed, departed, bug},
		OutgoingLost:      {bug, bug, bug, bug, bug, endOverlap, bug, bug, bug},
		Departed:          {noted, noted, noted, noted, noted, noted, departed, departed, bug},
		ServingQuit:       {late, late, quitServing, hold, hold, backOut, late, late, bug},
		SuccessorQuit:     {stopAsked, bug, bug, bug, backOut, bug, bug, bug, bug},
		OutgoingQuit:      {bug, bug, bug, bug, bug, endOverlap, bug, bug, bug},
	}
}

// GenPhase is what one generation is doing.
type GenPhase int

// An orphaned generation serves without its master. A sealing one serves
// what waits in the queues that nobody else would.
const (
	Booting GenPhase = iota
	Whole
	Orphaned
	Sealing
	Retiring
	Ending
	Gone
	numGenPhases
)

var genPhaseNames = [numGenPhases]string{"booting", "serving", "orphaned", "sealing", "retiring", "ending", "gone"}

func (p GenPhase) String() string { return genPhaseNames[p] }

// A genCell is one decision about one generation. Its verb returns what that
// means for the herd, or quiet.
type genCell struct {
	name string
	do   func(h *Herd, g *generation, now time.Time, e Event) Kind
}

// quiet: it means nothing for the herd.
const quiet Kind = -1

var (
	unborn   = genCell{"lost", (*Herd).unborn}
	weigh    = genCell{"serves once enough are up", (*Herd).weighUp}
	record   = genCell{"recorded", (*Herd).record}
	extend   = genCell{"its deadline is moved, never nearer", (*Herd).extend}
	doubt    = genCell{"kept, as the reason if it is not ready in time", (*Herd).doubt}
	fail     = genCell{"lost; it retires", (*Herd).fail}
	desert   = genCell{"lost: it leaves by itself", (*Herd).desert}
	vanish   = genCell{"lost at once", (*Herd).vanish}
	dieEarly = genCell{"lost; what is left retires", (*Herd).dieEarly}
	notReady = genCell{"lost: not ready in time; it retires", (*Herd).notReady}
	orphan   = genCell{"orphaned", (*Herd).orphan}
	tellRest = genCell{"what is left is told the same", (*Herd).tellRest}
	masterly = genCell{"recorded: what is left goes on", (*Herd).masterDied}
	lose     = genCell{"lost", (*Herd).lose}
	retire   = genCell{"told to quit", (*Herd).queuesEmpty}
	overfull = genCell{"told to quit, though some still wait", (*Herd).sealTimedOut}
	end      = genCell{"killed", (*Herd).retireTimedOut}
	abandon  = genCell{"given up: the kernel does not end it", (*Herd).abandon}
	genLate  = genCell{"too late, ignored", (*Herd).genTooLate}
	genBug   = genCell{"cannot happen", (*Herd).genCannotHappen}
)

// genTable says what each fact does to a generation in each phase.
var genTable [numFacts][numGenPhases]genCell

func init() {
	genTable = [numFacts][numGenPhases]genCell{
		//               Booting   Whole    Orphaned  Sealing   Retiring  Ending   Gone
		factStartFailed: {unborn, genBug, genBug, genBug, unborn, unborn, genLate},
		factUp:          {weigh, record, genLate, record, genLate, genLate, genLate},
		factExtend:      {extend, genLate, genLate, genLate, genLate, genLate, genLate},
		factDoubt:       {doubt, genLate, genLate, genLate, genLate, genLate, genLate},
		factFailed:      {fail, desert, genLate, genLate, genLate, genLate, genLate},
		factDied:        {dieEarly, orphan, genBug, masterly, tellRest, masterly, genLate},
		factEmptied:     {vanish, vanish, lose, lose, lose, lose, genLate},
		factDrained:     {genBug, genBug, genBug, retire, genLate, genLate, genLate},
		factDue:         {notReady, genBug, genBug, overfull, end, abandon, genBug},
	}
}
