package foreign

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// worker is a process of the generation that was seen to serve.
type worker struct {
	slot    int
	process *proc.Process
	since   time.Time
	unwatch func()
}

func (w *worker) release() {
	w.unwatch()
	w.process.Close()
}

// Looks are taken while the generation boots, and for a while after its workers
// changed. The pause grows with the time that has passed, so that a late look costs a
// sixteenth of the boot at most, and with what the last look took (the kernel's lists
// of sockets, on a machine with many), so that herder looks for a sixteenth of the time
// at most; but a look may have taken long because others had the processor.
const (
	shortPause = time.Millisecond
	longPause  = 50 * time.Millisecond
	lookPauses = 16                     // how many times longer than a look the pause after it is,
	costPause  = 100 * time.Millisecond // at most
	settling   = 5 * time.Second        // looks go on for so long after something changed
	unseen     = time.Second            // where nothing can be seen, who lives that long serves
)

// keepLooking: something changes; look until it has settled.
func (f *Follower) keepLooking() {
	f.until = time.Now().Add(settling)
	f.timer.Reset(shortPause)
}

// look looks once at the tree, and plans the next look.
func (f *Follower) look() {
	now := time.Now()
	before := len(f.workers)
	idle := f.count(now)
	if !f.whole && f.isWhole(now, idle) {
		f.serves()
	} else if !f.whole {
		f.watchBoot(f.forked())
		f.watchTime(now)
		f.probe()
	} else if f.whole && len(f.workers) != before {
		f.until = now.Add(settling) // more may come
		f.report()
	}
	f.stepNudge(now)
	if f.whole && now.After(f.until) {
		return
	}
	f.timer.Reset(f.nextLook(now, idle))
}

// nextLook: the pause ends when the number of workers has stood long enough.
func (f *Follower) nextLook(now time.Time, idle int) time.Duration {
	pause := min(max(now.Sub(f.started)/16, shortPause), longPause)
	pause = max(pause, afterCost(time.Since(now)))
	if !f.whole {
		pause = min(pause, max(f.muster.missing(now, idle), shortPause))
	}
	return pause
}

func afterCost(took time.Duration) time.Duration { return min(lookPauses*took, costPause) }

// isWhole says whether the generation serves, as far as the user wants to know.
func (f *Follower) isWhole(now time.Time, idle int) bool {
	age := now.Sub(f.started)
	switch how := f.spec.Ready; how.Kind {
	case ready.KindNone:
		return true
	case ready.KindNotify:
		return f.said
	case ready.KindDelay:
		return age >= how.Delay
	case ready.KindHTTP, ready.KindTCP:
		return f.probing.answered
	case ready.KindAuto:
		if !f.canLook() {
			return f.said && !f.spec.Row.EarlyReady || age >= unseen && !f.spec.Row.SaysReady
		}
	}
	return f.muster.whole(now, len(f.workers), idle)
}

// canLook says whether there are listeners that workers can be seen to wait on.
func (f *Follower) canLook() bool { return f.spec.Binds || len(f.spec.Listeners) > 0 }

// count finds the processes that serve and says how many others there are below
// the master. A master that serves itself counts too.
func (f *Follower) count(now time.Time) (idle int) {
	inodes := f.inodes()
	if len(inodes) == 0 {
		return 0
	}
	f.bindBy = time.Time{}
	others := f.spec.Masters.Except(f.master.Ref())
	f.disown(others)
	below, err := proc.Proc.Descendants(f.master.Ref().PID, others...)
	if err != nil {
		return 0 // it has ended: that is told by f.gone
	}
	for _, ref := range f.rest(append(below, f.master.Ref()), inodes, now) {
		if ref != f.master.Ref() {
			idle++
		}
	}
	return idle
}

// rest takes those into the books that wait on one of the sockets, or have a
// connection from one in hand: a worker that takes one request after the other may
// never be seen to wait. It returns those that do neither.
func (f *Follower) rest(refs []proc.Ref, inodes []uint64, now time.Time) (rest []proc.Ref) {
	var pids []int
	for _, ref := range refs {
		if f.workers[ref] != nil {
			continue
		}
		switch how, err := ready.Armed(ref.PID, inodes); {
		case err != nil:
			f.note(err.Error())
		case how != "":
			f.enlist(ref, now)
		default:
			rest, pids = append(rest, ref), append(pids, ref.PID)
		}
	}
	for _, pid := range f.busy(pids, inodes) {
		f.enlist(rest[slices.Index(pids, pid)], now)
	}
	return slices.DeleteFunc(rest, func(ref proc.Ref) bool { return f.workers[ref] != nil })
}

// enlist takes a process into the books that was seen to serve.
func (f *Follower) enlist(ref proc.Ref, now time.Time) {
	p, err := proc.OpenRef(ref)
	if err != nil {
		return // it ended meanwhile
	}
	unwatch, err := p.Ended(func() {
		select {
		case f.ended <- ref:
		case <-f.done:
		}
	})
	if err != nil {
		p.Close()
		f.note(fmt.Sprintf("cannot watch worker %d: %v", ref.PID, err))
		return
	}
	f.workers[ref] = &worker{slot: f.freeSlot(), process: p, since: now, unwatch: unwatch}
}

// freeSlot is the lowest number that no worker has.
func (f *Follower) freeSlot() int {
	taken := map[int]bool{}
	for _, w := range f.workers {
		taken[w.slot] = true
	}
	slot := 1
	for taken[slot] {
		slot++
	}
	return slot
}

// bury: a worker has ended. The server may start another: that is looked for.
func (f *Follower) bury(ref proc.Ref) {
	w := f.workers[ref]
	if w == nil {
		return
	}
	w.release()
	delete(f.workers, ref)
	if f.whole {
		f.report()
		f.keepLooking()
	}
}

// serves: the generation is whole. What had to wait is said now.
func (f *Follower) serves() {
	f.whole = true
	f.until = time.Now().Add(settling)
	if f.voice != nil { // why it failed is no question any more
		f.voice.out.Forget(f.tail)
	}
	f.report()
	later := f.later
	f.later = nil
	for _, o := range later {
		f.obey(o)
	}
}

// report tells how the generation is.
func (f *Follower) report() {
	st := &master.State{Target: len(f.workers), Whole: f.whole, Workers: []master.Worker{}}
	if f.whole && (len(f.workers) > 0 || !f.canLook() || f.spec.Ready.Unseen()) {
		st.Up = 1
	}
	refs := slices.SortedFunc(maps.Keys(f.workers), func(a, b proc.Ref) int {
		return cmp.Compare(f.workers[a].slot, f.workers[b].slot)
	})
	for _, ref := range refs {
		w := f.workers[ref]
		st.Workers = append(st.Workers, master.Worker{ID: w.slot, PID: ref.PID, Start: ref.Start, State: "up", Since: w.since})
	}
	f.say(master.Report{Kind: master.ReportState, State: st})
}

// hear takes a message of the generation; of a stranger nothing is believed.
func (f *Follower) hear(m ready.Message) {
	if !f.belongs(m.PID) {
		return
	}
	if m.Ready {
		f.said = true
		if !f.whole && f.master != nil {
			f.look()
		}
	}
	if m.Extend > 0 && !f.whole {
		f.say(master.Report{Kind: master.ReportExtend, Extend: m.Extend})
	}
}
