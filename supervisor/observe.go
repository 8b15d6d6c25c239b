package supervisor

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

const (
	betweenLooks = time.Second     // long enough for a child that dies at once to be replaced
	lookTime     = 3 * time.Second // bounds one look, whatever the number of processes
)

// observer looks at a herd from outside. It works beside the loop and touches
// nothing of the loop's; listeners look after themselves.
type observer struct {
	herd      doctor.Herd
	done      <-chan struct{} // the run ends
	listeners []*handoff.Listener
	mended    []mended        // of each listener
	needs     handoff.Wait    // the server
	ours      map[uint64]bool // inodes of all that herder opened
	roots     []proc.Ref      // of the workers
	others    []proc.Ref      // masters of other generations, which may be below the one that serves

	signal  unix.Signal       // the graceful one
	listens map[uint64]string // whatever listens, by inode
}

// observe looks twice at the processes: who was not there before is new, who waits in
// one of the looks does wait, and who came and went between them was there.
func (o *observer) observe() doctor.Herd {
	o.signal, _ = dialect.Signal(o.herd.Graceful) // the configuration has been checked
	o.herd.Between = betweenLooks
	before := o.look()
	glances := o.glance(before)
	o.herd.Unseen = nil
	after := o.look()
	for i := range after {
		passed := glances.passed(o.roots[i].PID, after[i])
		compare(&o.herd.Serving.Workers[i], append(before[i], passed...), after[i])
	}
	o.surroundings()
	return o.herd
}

// compare gives a worker its processes: what both looks say of those that are there,
// and those that have gone.
func compare(w *doctor.Worker, before, after []seenProcess) {
	for _, p := range after {
		was, known := find(before, p.ref)
		p.New = !known
		p.Waits = union(p.Waits, was.Waits)
		w.Processes = append(w.Processes, p.Process)
	}
	for _, p := range before {
		if _, there := find(after, p.ref); !there {
			w.Gone = append(w.Gone, p.Process)
		}
	}
}

// seenProcess is a process with what tells it from others.
type seenProcess struct {
	doctor.Process
	ref proc.Ref
}

func find(ps []seenProcess, ref proc.Ref) (seenProcess, bool) {
	i := slices.IndexFunc(ps, func(p seenProcess) bool { return p.ref == ref })
	if i < 0 {
		return seenProcess{}, false
	}
	return ps[i], true
}

func union(a, b []string) []string {
	all := slices.Sorted(slices.Values(append(slices.Clone(a), b...)))
	return slices.Compact(all)
}

// look is one look at the processes of each worker.
func (o *observer) look() [][]seenProcess {
	deadline := time.Now().Add(lookTime)
	looks := make([][]seenProcess, len(o.roots))
	o.listens = nil
	for i, root := range o.roots {
		if root.PID == 0 {
			continue // it waits for its next start
		}
		family, err := proc.Proc.Family(root, o.others...)
		o.unseen(err)
		for _, st := range family {
			if time.Now().After(deadline) {
				o.unseen(fmt.Errorf("only %d of %d workers could be looked at within %s", i, len(o.roots), lookTime))
				looks[i] = nil // half of one tells nothing
				return looks
			}
			looks[i] = append(looks[i], o.process(st))
		}
	}
	return looks
}

// unseen keeps what went wrong, unless the process has just gone.
func (o *observer) unseen(err error) {
	if err == nil || errors.Is(err, proc.ErrGone) {
		return
	}
	if why := err.Error(); !slices.Contains(o.herd.Unseen, why) {
		o.herd.Unseen = append(o.herd.Unseen, why)
	}
}

func (o *observer) process(st proc.Stat) seenProcess {
	p := seenProcess{ref: st.Ref()}
	p.PID, p.Name = st.PID, printable(st.Comm)
	if d, err := proc.Proc.Dispositions(st.PID); err == nil {
		p.Catches, p.Ignores = d.Catches(o.signal), d.Ignores(o.signal)
	}
	p.MayOpen, _ = proc.Proc.OpenLimit(st.PID) // 0 where it cannot be seen
	own, err := proc.Proc.Executable(st.PID)
	parent, bad := proc.Proc.Executable(st.PPID)
	p.Program, p.Forked = filepath.Base(own), err == nil && bad == nil && own == parent && !mayExec(st)
	inodes, open, err := proc.Proc.Sockets(st.PID)
	if p.Open = open; err != nil {
		p.Hidden = !errors.Is(err, proc.ErrGone)
		o.unseen(err)
		return p
	}
	p.Listens = o.foreign(st.PID, inodes)
	for _, l := range o.listeners {
		o.concerns(&p, l, inodes)
	}
	return p
}

// concerns says what a process has to do with one of our listeners.
func (o *observer) concerns(p *seenProcess, l *handoff.Listener, inodes []uint64) {
	own := l.Inodes()
	if !slices.ContainsFunc(inodes, func(ino uint64) bool { return slices.Contains(own, ino) }) {
		return
	}
	p.Holds = append(p.Holds, l.Name())
	switch how, err := ready.Armed(p.PID, own); {
	case err != nil:
		p.Hidden = true
		o.unseen(err)
	case how == ready.IOUring:
		p.Hidden = true
	case how != "":
		p.Waits = append(p.Waits, l.Name())
	}
}

// foreign are the addresses on which the process listens and which are not ours.
// What listens is read once a look, in the network of the first process.
func (o *observer) foreign(pid int, inodes []uint64) []string {
	if o.listens == nil {
		var err error
		if o.listens, err = proc.Proc.Listening(pid); err != nil {
			o.unseen(err)
			return nil
		}
	}
	var addresses []string
	for _, ino := range inodes {
		if address, ok := o.listens[ino]; ok && !o.ours[ino] {
			addresses = append(addresses, printable(address))
		}
	}
	return addresses
}

// printable keeps what a process calls itself from writing to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
