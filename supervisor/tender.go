package supervisor

import (
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
)

// tender is the [Kernel] of a real run: it keeps the books of processes,
// listeners and pid files. Only the loop touches it; what waits elsewhere
// sends a Notice.
type tender struct {
	log     *slog.Logger
	reload  func() (*config.Config, error)
	reopen  func()
	spawner *proc.Spawner
	custom  *Custom
	notices chan Notice
	done    chan struct{} // closed at the end: nobody hears notices any more
	init    bool          // PID 1

	companion Companion

	masters *foreign.Masters // of the generations that are followed
	tended  map[int]*tended  // generations of which something is left
	current *plan            // of the generation that serves, or of the first try
	next    *plan            // checked, not yet spawned
	trying  int              // the preflight that is waited for; 0: none

	listeners []*handoff.Listener          // all that are open
	broken    map[*handoff.Listener]string // those that could not be mended, and why: said once
	watch     *handoff.Watch
	mended    map[*handoff.Listener]mended // what was put right at them, for who asks

	own          *pidfile.Locked // the herder's own pid file; nil: none
	follower     *pidfile.Follower
	followed     []string       // the files it watches
	wanted       herd.Publish   // what the pid files are to say
	published    map[string]int // as we wrote them
	serverWrites bool           // the server of kind fresh writes the same pid file as we do
	appeared     unasked        // told to the core
	left         leftPidFile    // of the last server's own master that has ended
	heir         proc.Ref       // the successor that a master has left that has ended: nobody else may claim it
	complaint    string         // the last trouble with a pid file, said once
	blind        *time.Timer    // looks again for what a master left; nil: nothing was overlooked
}

// tended is one generation as its processes.
type tended struct {
	n        int
	plan     *plan
	master   *proc.Process // nil once it is gone, or while it is awaited
	follows  proc.Ref      // the master that somebody else had started
	notify   string        // where its notify socket is; "": not in a file
	crew     int           // workers it had when its successor was started
	borrows  bool          // its server is to write the pid file, which was moved out of its way
	awaited  bool          // the server makes its master by itself, and the link looks for it
	found    bool          // and has found it: this one leaves nobody in its place
	how      string        // the master ended
	led      int           // pid of the master that ended
	marks    marks         // by which the successor of the server's own master is known
	renewing bool          // it was told to start a successor, and its pid files may not be as before yet
	asked    bool          // somebody else had told it to end
	link     link
	silent   bool // the master's last word has been heard
	mourned  bool // the core knows that the master is gone
	state    master.State
	tail     []string        // last lines of stderr, of a start that failed or goes on
	orphans  map[int]*orphan // what is left after an untimely death of the master
	leaving  bool            // sealed or told to quit: it accepts nothing that is new
	sent     bool            // away: it was told one of the ways out
	told     herd.Verb       // the hardest of them
	sealed   chan struct{}   // closed to end the look at its queues; nil: none
	bootLook *time.Timer     // looks whether it listens elsewhere; nil: never
}

// marks are what a server's own master has, and its successor has or has not.
type marks struct {
	stack   uint64   // where it begins: its workers have the same, for they execute nothing
	sockets []uint64 // inodes of all that it has open, of which it gives those that listen to its successor
}

// link is the way to talk to a master: native ([master.Link]) or foreign
// ([foreign.Follower]).
type link interface {
	C() <-chan master.Report // closed when its last word has been said
	Send(o master.Order)     // never blocks
	Close()
}

func newTender(o Options, spawner *proc.Spawner, own *pidfile.Locked) *tender {
	return &tender{
		log: o.Log, reload: o.Reload, reopen: o.ReopenLog, spawner: spawner,
		custom: &o.Custom, companion: o.Companion,
		notices: make(chan Notice), done: make(chan struct{}), init: os.Getpid() == 1, own: own,
		masters: new(foreign.Masters), tended: map[int]*tended{}, published: map[string]int{},
		broken: map[*handoff.Listener]string{}, mended: map[*handoff.Listener]mended{},
	}
}

func (t *tender) Notices() <-chan Notice { return t.notices }

// post hands a notice to the loop, unless the run is over.
func (t *tender) post(n Notice) {
	select {
	case t.notices <- n:
	case <-t.done:
	}
}

// Release forgets a generation of which nothing is left.
func (t *tender) Release(gen int) {
	g := t.tended[gen]
	if g == nil {
		return
	}
	g.endSeal()
	g.endBootLook()
	if g.link != nil {
		g.link.Close()
	}
	if g.master != nil {
		g.master.Close()
	}
	for _, o := range g.orphans {
		o.process.Close()
	}
	if g.notify != "" {
		_ = os.Remove(g.notify) // its master did, unless it was killed
	}
	delete(t.tended, gen)
	t.sweepPidFiles(g)
	t.upgradeIsOver()
	t.prune()
	// An upgrade leaves garbage, and an idle herder would keep it for ever:
	// the collector runs only when something is allocated.
	debug.FreeOSMemory()
}

// Adopt makes the plan of a generation that serves the current one: its options
// of listeners that were kept count from now on. And it puts right what the
// app's start did to them (many servers call listen again and so change the
// backlog).
func (t *tender) Adopt(gen int) []herd.Event {
	if g := t.tended[gen]; g != nil {
		t.current = g.plan
		t.takeBackPidFile(g)
	}
	t.retune(t.current)
	t.followed = nil // a deploy may have turned a link on the way to the pid file
	return t.mend(t.current.listeners)
}

func (t *tender) Reopen() { t.reopen() }

// Look says what is known of a generation.
func (t *tender) Look(gen int) (control.Generation, []string) {
	g := t.tended[gen]
	if g == nil {
		return control.Generation{}, nil
	}
	seen := control.Generation{Generation: gen, Want: g.state.Target}
	if g.master != nil {
		ref := g.master.Ref()
		seen.Master = &control.Master{PID: ref.PID, Start: startTime(ref)}
	}
	for _, w := range g.state.Workers {
		if g.master == nil && g.orphans[w.PID] == nil && t.blind == nil {
			continue // its master cannot tell that it is gone
		}
		seen.Workers = append(seen.Workers, control.Worker{ID: w.ID, PID: w.PID, State: w.State, Since: w.Since, Restarts: w.Restarts})
	}
	return seen, g.tail
}
