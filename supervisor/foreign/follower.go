package foreign

import (
	"sync"
	"time"

	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/output"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Follower is the herder's end of a foreign master. Its methods never block.
type Follower struct {
	spec    Spec
	voice   *voice       // nil: its output is not ours
	tail    *output.Tail // of its stderr, since it was asked for
	notify  *ready.Notify
	reports chan master.Report
	orders  orders
	stderr  chan struct{} // one token: something came
	gone    chan proc.Ref // the master has ended
	left    chan bool     // how the process that was spawned has ended: see Left
	ended   chan proc.Ref // a worker has
	closing chan struct{} // closed by Close
	done    chan struct{} // closed when nothing is followed any more
	once    sync.Once

	// Owned by the goroutine of follow.
	master    *proc.Process // our own hold of it; nil: it is looked for
	spawned   bool          // it is the process that we spawned
	seek      *seek         // nil: it is there
	lost      bool          // it was looked for in vain
	started   time.Time
	workers   map[proc.Ref]*worker
	muster    muster
	timer     *time.Timer // the next look
	whole     bool
	said      bool      // READY=1
	until     time.Time // looks are taken until then, once it is whole
	listening listening
	nudge     nudge
	probing   probing
	stillborn stillborn
	failed    bool           // that it cannot become whole was told
	bindBy    time.Time      // it must listen by then; zero: it may take its time, or does
	crew      int            // workers before they were drained
	later     []master.Order // to be said when it is whole
	notes     map[string]bool
	blind     time.Time // its sockets cannot be seen since then; zero: they can
	unwatch   func()
}

func newFollower(spec Spec) (*Follower, error) {
	notify, err := ready.ListenNotify(spec.Notify)
	if err != nil {
		return nil, err
	}
	return &Follower{
		spec: spec, notify: notify, reports: make(chan master.Report), orders: newOrders(),
		stderr: make(chan struct{}, 1), gone: make(chan proc.Ref), left: make(chan bool, 1), ended: make(chan proc.Ref),
		closing: make(chan struct{}), done: make(chan struct{}),
		workers: map[proc.Ref]*worker{}, notes: map[string]bool{},
		probing: probing{answer: make(chan error)},
		muster:  muster{expect: spec.Expect, before: spec.Before},
	}, nil
}

// take makes a process the master that is followed.
func (f *Follower) take(ref proc.Ref) (err error) {
	if f.master, err = proc.OpenRef(ref); err != nil {
		return err
	}
	f.unwatch, err = f.master.Ended(func() {
		select {
		case f.gone <- ref:
		case <-f.done:
		}
	})
	if err != nil {
		f.master.Close()
		f.master = nil
		return err
	}
	f.spec.Masters.add(ref, f.orders)
	return nil
}

// drop lets go of the master.
func (f *Follower) drop() {
	if f.master == nil {
		return
	}
	f.unwatch()
	f.spec.Masters.remove(f.master.Ref())
	f.master.Close()
	f.master = nil
}

func (f *Follower) start() {
	f.started = time.Now()
	if f.spec.Listens > 0 {
		f.bindBy = f.started.Add(f.spec.Listens)
	}
	f.timer = time.NewTimer(shortPause)
	go f.follow()
}

// giveBack undoes newFollower where nothing came of it.
func (f *Follower) giveBack() {
	f.drop()
	f.notify.Close()
	f.deafen()
}

// C delivers the reports. It is closed when the master has ended and its last words
// are told, or by Close.
func (f *Follower) C() <-chan master.Report { return f.reports }

// Send gives an order.
func (f *Follower) Send(o master.Order) { f.orders.put(o) }

// Close ends the following; the processes are not touched.
func (f *Follower) Close() {
	f.once.Do(func() { close(f.closing) })
	<-f.done
	f.deafen()
}

// lastWords is how long the end of the output is waited for once the master has
// ended: its last lines are the reason in the verdict.
const lastWords = 200 * time.Millisecond

// follow is the life of a Follower.
func (f *Follower) follow() {
	defer close(f.done)
	defer f.release()
	f.complain()
	for !f.lost {
		select {
		case <-f.closing:
			return
		case ref := <-f.gone:
			if f.departed(ref) {
				return
			}
		case daemon := <-f.left:
			if f.followed(daemon) {
				return
			}
		case <-f.orders.wake:
			for _, o := range f.orders.take() {
				f.obey(o)
			}
		case m := <-f.notify.C():
			f.hear(m)
		case ref := <-f.ended:
			f.bury(ref)
		case <-f.stderr:
			f.passTail()
		case err := <-f.probing.answer:
			f.probed(err)
		case <-f.timer.C:
			f.turn(time.Now())
		}
	}
}

// turn is one turn of the timer.
func (f *Follower) turn(now time.Time) {
	switch {
	case f.seek != nil:
		f.search(now)
	case f.master != nil:
		f.look()
	}
}

// farewell: the master has ended. What it wrote last is read, and told.
func (f *Follower) farewell() {
	if f.whole || f.voice == nil {
		return
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-f.voice.out.Drained():
	case <-timer.C: // what it left holds the pipe, or its predecessor does
	case <-f.closing:
	}
	f.passTail()
}

func (f *Follower) release() {
	f.timer.Stop()
	for _, w := range f.workers {
		w.release()
	}
	f.drop()
	f.notify.Close()
	close(f.reports)
}

func (f *Follower) heardStderr() {
	select {
	case f.stderr <- struct{}{}:
	default: // the token is there
	}
}

// passTail tells what the generation wrote last, while it boots.
func (f *Follower) passTail() {
	if !f.whole && f.voice != nil {
		f.say(master.Report{Kind: master.ReportTail, Tail: f.tail.Lines()})
	}
}

// fail tells that the generation cannot become whole.
func (f *Follower) fail(why string) {
	r := master.Report{Kind: master.ReportFailed, Reason: why}
	if f.voice != nil {
		r.Tail = f.tail.Lines()
	}
	f.say(r)
}

func (f *Follower) say(r master.Report) {
	select {
	case f.reports <- r:
	case <-f.closing:
	}
}

// complain tells what went wrong with the log file.
func (f *Follower) complain() {
	if f.voice == nil {
		return
	}
	for _, c := range f.voice.heardOf() {
		f.say(master.Report{Kind: master.ReportWarn, Reason: c})
	}
}

// note tells something worth a line of the log, once.
func (f *Follower) note(text string) {
	if !f.notes[text] {
		f.notes[text] = true
		f.say(master.Report{Kind: master.ReportNote, Reason: text})
	}
}
