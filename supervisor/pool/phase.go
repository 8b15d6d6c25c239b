package pool

// Phase is what a slot's worker is.
type Phase uint8

// The phases. Every one but Empty, Starting, Up without a watchdog, and Booting
// without a ready timeout has a Due. (Starting needs none: spawning is answered
// before anything else.)
const (
	Empty    Phase = iota // no worker
	Starting              // Start was said, no answer yet
	Booting               // it runs and is not ready
	Up                    // it serves
	Leaving               // the graceful word was said, or it leaves by itself
	Rushing               // the quick word was said
	Aborting              // it hung and was told to dump core
	Killing               // SIGKILL was sent
	Waiting               // it died too often; its replacement has to wait
	phases
)

// News is the kind of what happens to one slot, a column of the cell table.
type News uint8

// The news.
const (
	nSpawned News = iota
	nSpawnFailed
	nReady
	nUnfit
	nExited
	nBeat
	nHung
	nExtend
	nStopping
	nRetire
	nHurry
	nOverdue
	nReopen
	nRelay
	newses
)

// cell decides one piece of news in one phase: act, ignore with a reason, or be loud.
type cell struct {
	name string
	do   func(*Pool, *Slot, Event)
	why  string
	bug  bool
}

type cellTable [phases][newses]cell

func act(name string, do func(*Pool, *Slot, Event)) cell { return cell{name: name, do: do} }
func ignore(why string) cell                             { return cell{why: why} }
func loud(why string) cell                               { return cell{why: why, bug: true} }

// Reasons that stand in many cells.
const (
	notAsked  = "no start was asked for"
	noProcess = "there is no process"
	noDue     = "the phase has no Due"
	late      = "the word came late"
	leaves    = "it leaves anyway"
	deaf      = "it may not handle the signal yet, or any more"
)

var cells = cellTable{
	Empty: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(late),
		nUnfit:       ignore(late),
		nExited:      loud(noProcess),
		nBeat:        ignore(late),
		nHung:        ignore(late),
		nExtend:      ignore(late),
		nStopping:    ignore(late),
		nRetire:      ignore(noProcess),
		nHurry:       ignore(noProcess),
		nOverdue:     loud(noDue),
		nReopen:      ignore(noProcess),
		nRelay:       ignore(noProcess),
	},
	Starting: {
		nSpawned:     act("boot", (*Pool).boot),
		nSpawnFailed: act("miss", (*Pool).miss),
		nReady:       ignore(late),
		nUnfit:       ignore(late),
		nExited:      loud("the start is not answered yet"),
		nBeat:        ignore(late),
		nHung:        ignore(late),
		nExtend:      ignore(late),
		nStopping:    ignore(late),
		nRetire:      act("doom", (*Pool).doom),
		nHurry:       act("doom", (*Pool).doom),
		nOverdue:     loud(noDue),
		nReopen:      ignore("it will open them anew"),
		nRelay:       ignore("there is no process yet"),
	},
	Booting: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       act("serve", (*Pool).serve),
		nUnfit:       act("reject", (*Pool).reject),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        ignore("the watchdog begins when it is up"),
		nHung:        act("abort", (*Pool).abort),
		nExtend:      act("extend", (*Pool).extend),
		nStopping:    ignore("its exit will tell"),
		nRetire:      act("retire", (*Pool).retire),
		nHurry:       act("hurry", (*Pool).hurry),
		nOverdue:     act("disown", (*Pool).disown),
		nReopen:      ignore(deaf),
		nRelay:       act("pass on", (*Pool).passOn),
	},
	Up: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore("it is up already"),
		nUnfit:       ignore("it is up already"),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        act("feed", (*Pool).feed),
		nHung:        act("abort", (*Pool).abort),
		nExtend:      ignore("it is neither booting nor leaving"),
		nStopping:    act("let go", (*Pool).letGo),
		nRetire:      act("retire", (*Pool).retire),
		nHurry:       act("hurry", (*Pool).hurry),
		nOverdue:     act("abort", (*Pool).abort),
		nReopen:      act("logs again", (*Pool).logsAgain),
		nRelay:       act("pass on", (*Pool).passOn),
	},
	Leaving: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(leaves),
		nUnfit:       ignore(leaves),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        ignore("the stop timeout holds"),
		nHung:        ignore("the stop timeout holds"),
		nExtend:      act("extend", (*Pool).extend),
		nStopping:    ignore("we know"),
		nRetire:      act("retire again", (*Pool).retireAgain),
		nHurry:       act("hurry", (*Pool).hurry),
		nOverdue:     act("kill", (*Pool).kill),
		nReopen:      ignore(deaf),
		nRelay:       act("pass on", (*Pool).passOn),
	},
	Rushing: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(leaves),
		nUnfit:       ignore(leaves),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        ignore(leaves),
		nHung:        ignore(leaves),
		nExtend:      ignore("quick means quick"),
		nStopping:    ignore("we know"),
		nRetire:      loud("only a pool that halts has rushing workers, and it never quits again"),
		nHurry:       loud("a pool halts once"),
		nOverdue:     act("kill", (*Pool).kill),
		nReopen:      ignore(deaf),
		nRelay:       act("pass on", (*Pool).passOn),
	},
	Aborting: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(leaves),
		nUnfit:       ignore(leaves),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        ignore("it was told already"),
		nHung:        ignore("it was told already"),
		nExtend:      ignore("it was told already"),
		nStopping:    ignore("we know"),
		nRetire:      act("doom", (*Pool).doom),
		nHurry:       act("doom", (*Pool).doom),
		nOverdue:     act("kill", (*Pool).kill),
		nReopen:      ignore(deaf),
		nRelay:       ignore("it dumps core"),
	},
	Killing: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(leaves),
		nUnfit:       ignore(leaves),
		nExited:      act("bury", (*Pool).bury),
		nBeat:        ignore(late),
		nHung:        ignore(late),
		nExtend:      ignore("there is no mercy after SIGKILL"),
		nStopping:    ignore(late),
		nRetire:      act("doom", (*Pool).doom),
		nHurry:       act("doom", (*Pool).doom),
		nOverdue:     act("kill", (*Pool).kill),
		nReopen:      ignore(deaf),
		nRelay:       ignore("SIGKILL was sent already"),
	},
	Waiting: {
		nSpawned:     loud(notAsked),
		nSpawnFailed: loud(notAsked),
		nReady:       ignore(late),
		nUnfit:       ignore(late),
		nExited:      loud(noProcess),
		nBeat:        ignore(late),
		nHung:        ignore(late),
		nExtend:      ignore(late),
		nStopping:    ignore(late),
		nRetire:      act("clear", (*Pool).forget),
		nHurry:       act("clear", (*Pool).forget),
		nOverdue:     act("start", (*Pool).again),
		nReopen:      ignore(noProcess),
		nRelay:       ignore(noProcess),
	},
}
