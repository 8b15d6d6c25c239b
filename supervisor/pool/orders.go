package pool

import "fmt"

// Word is the kind of an order, a column of the order table.
type Word uint8

// The words.
const (
	wBegin Word = iota
	wScale
	wQuit
	wStop
	wReopen
	wSignal
	wLost
	wDue
	words
)

// orderCell decides one order at one want: do it, leave it with a reason, or be loud.
type orderCell struct {
	name string
	do   func(*Pool, Event)
	why  string
	bug  bool
}

type orderTable [wants][words]orderCell

func obey(name string, do func(*Pool, Event)) orderCell { return orderCell{name: name, do: do} }
func pass(why string) orderCell                         { return orderCell{why: why} }
func odd(why string) orderCell                          { return orderCell{why: why, bug: true} }

var orders = orderTable{
	Idle: {
		wBegin:  obey("begin", (*Pool).begin),
		wScale:  obey("plan", (*Pool).plan),
		wQuit:   obey("quit", (*Pool).quit),
		wStop:   obey("stop", (*Pool).stop),
		wReopen: obey("own logs", (*Pool).ownLogs),
		wSignal: pass("there is no worker yet"),
		wLost:   obey("quit", (*Pool).quit),
		wDue:    pass("a timer that was set before may still fire"),
	},
	Run: {
		wBegin:  odd("begun already"),
		wScale:  obey("scale", (*Pool).scale),
		wQuit:   obey("quit", (*Pool).quit),
		wStop:   obey("stop", (*Pool).stop),
		wReopen: obey("reopen", (*Pool).reopen),
		wSignal: obey("relay", (*Pool).relay),
		wLost:   obey("quit", (*Pool).quit),
		wDue:    obey("due", (*Pool).due),
	},
	Quitting: {
		wBegin:  odd("begun already"),
		wScale:  pass("it leaves, nothing is started any more"),
		wQuit:   pass("it leaves already"),
		wStop:   obey("stop", (*Pool).stop),
		wReopen: obey("reopen", (*Pool).reopen),
		wSignal: obey("relay", (*Pool).relay),
		wLost:   pass("it leaves already"),
		wDue:    obey("due", (*Pool).due),
	},
	Halting: {
		wBegin:  odd("begun already"),
		wScale:  pass("it leaves, nothing is started any more"),
		wQuit:   pass("it leaves already, and faster"),
		wStop:   pass("it leaves already"),
		wReopen: obey("own logs", (*Pool).ownLogs),
		wSignal: obey("relay", (*Pool).relay),
		wLost:   pass("it leaves already"),
		wDue:    obey("due", (*Pool).due),
	},
	Done: {
		wBegin:  odd("begun already"),
		wScale:  pass("it has left"),
		wQuit:   pass("it has left"),
		wStop:   pass("it has left"),
		wReopen: pass("it has left"),
		wSignal: pass("it has left"),
		wLost:   pass("it has left"),
		wDue:    pass("it has left"),
	},
}

func wordOf(e Event) (Word, bool) {
	switch e.(type) {
	case Begin:
		return wBegin, true
	case Scale:
		return wScale, true
	case Quit:
		return wQuit, true
	case Stop:
		return wStop, true
	case Reopen:
		return wReopen, true
	case Signal:
		return wSignal, true
	case Lost:
		return wLost, true
	case Due:
		return wDue, true
	}
	return 0, false
}

func (p *Pool) begin(Event) {
	p.want = Run
	p.aim(p.policy.Workers)
}

// plan changes the first target: the order came before Begin.
func (p *Pool) plan(e Event) { p.policy.Workers = e.(Scale).N }

func (p *Pool) scale(e Event) { p.aim(e.(Scale).N) }

// aim sets the target; settle does the rest.
func (p *Pool) aim(n int) {
	n = min(max(n, 0), MaxWorkers)
	p.changed = p.changed || n != p.target
	p.target, p.peak = n, max(p.peak, n)
}

func (p *Pool) quit(Event) {
	p.want, p.changed = Quitting, true
	p.each(retire{})
}

func (p *Pool) stop(Event) {
	p.want, p.changed = Halting, true
	p.each(hurry{})
}

func (p *Pool) ownLogs(Event) { p.emit(ReopenLogs{}) }

func (p *Pool) reopen(Event) {
	p.emit(ReopenLogs{})
	p.each(reopen{})
}

func (p *Pool) relay(e Event) { p.each(relay{signal: e.(Signal).Name}) }

func (p *Pool) due(Event) {
	for i := range p.slots {
		if s := &p.slots[i]; !s.Due.IsZero() && !p.now.Before(s.Due) {
			p.news(s.ID, overdue{})
		}
	}
}

// each brings an order to every slot.
func (p *Pool) each(e Event) {
	for i := range p.slots {
		p.news(i+1, e)
	}
}

// fail gives the pool up: it never was whole and cannot become so.
func (p *Pool) fail(slot int, reason string) {
	p.emit(Failed{Slot: slot, Reason: fmt.Sprintf("worker %d %s", slot, reason)})
	p.code = 1
	p.quit(nil)
}
