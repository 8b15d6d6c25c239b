package master

import (
	"cmp"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/output"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// shell is the Kernel of a real master. Only the loop touches it; what waits
// elsewhere posts a Notice.
type shell struct {
	spec    Spec
	row     dialect.Row
	self    proc.Ref
	base    []string // the environment of the workers, but for what is each one's own
	path    string   // their executable
	inodes  []uint64 // of all listeners
	spawner *proc.Spawner
	conn    *conn
	reports *outbox[Report]
	notify  *ready.Notify
	log     *output.File
	looks   looks

	workers   map[int]*worker // by slot, those whose exit the pool does not know
	pids      map[int]*worker // by pid, those that are not reaped
	helpers   map[int]chan unix.WaitStatus
	tails     map[int][]string // by slot, of the last one that ended
	last      map[int]string   // by slot, how it ended
	state     pool.Snapshot
	strangers bool // somebody else spoke on the notify socket, and that was noted

	notices chan Notice
	done    chan struct{}  // closed at the end: nobody hears notices any more
	tasks   sync.WaitGroup // what must be over before the master leaves
}

func newShell(spec Spec, signals *signals) (*shell, error) {
	row, ok := dialect.Find(cmp.Or(spec.Dialect, "command"))
	if !ok {
		return nil, fmt.Errorf("cannot speak to the workers: there is no dialect %q", spec.Dialect)
	}
	s := &shell{
		spec: spec, row: row.With(spec.Graceful, spec.Quick),
		workers: map[int]*worker{}, pids: map[int]*worker{}, helpers: map[int]chan unix.WaitStatus{},
		tails: map[int][]string{}, last: map[int]string{},
		notices: make(chan Notice), done: make(chan struct{}),
	}
	for _, p := range spec.Listeners {
		s.inodes = append(s.inodes, p.Inodes...)
		for _, fd := range p.FDs {
			unix.CloseOnExec(fd)
		}
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	s.base = baseEnviron(os.Environ(), spec, s.notify.Address())
	s.listen(signals)
	return s, nil
}

// open takes hold of what a master needs from the kernel.
func (s *shell) open() error {
	if err := proc.Subreaper(); err != nil {
		return err
	}
	// The image was run by its /proc name, so its comm is "exe" (prctl(2), PR_SET_NAME).
	_ = os.WriteFile("/proc/self/comm", []byte("herder"), 0)
	st, err := proc.Proc.Stat(os.Getpid())
	if err != nil {
		return err
	}
	s.self = st.Ref()
	if s.path, err = s.executable(); err != nil {
		return err
	}
	if s.conn, err = newConn(controlFD); err != nil {
		return err
	}
	if s.spawner, err = proc.NewSpawner(); err != nil {
		return err
	}
	if s.notify, err = ready.ListenNotify(s.spec.Notify); err != nil {
		return err
	}
	s.reports = newOutbox(mergeReport, func(r Report) error { return s.conn.send(r) })
	s.log = output.OpenFile(s.spec.LogFile, func(err error) { s.reports.put(Report{Kind: ReportWarn, Reason: err.Error()}) })
	return nil
}

func (s *shell) executable() (string, error) {
	if s.spec.Path != "" {
		return s.spec.Path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find the working directory: %w", err)
	}
	return proc.Look(s.spec.Argv[0], dir, os.Getenv("PATH"))
}

func (s *shell) Notices() <-chan Notice { return s.notices }

// post hands a notice to the loop, unless the master has left.
func (s *shell) post(n Notice) bool {
	select {
	case s.notices <- n:
		return true
	case <-s.done:
		return false
	}
}

func (s *shell) Say(r Report) { s.reports.put(r) }

func (s *shell) note(slot int, text string) {
	s.reports.put(Report{Kind: ReportNote, Worker: slot, Reason: text})
}

func (s *shell) Tail(slot int) []string { return s.tails[slot] }

func (s *shell) Reopen() { s.log.Reopen() }

// State remembers the state, for what is asked between two changes, and sends it.
func (s *shell) State(snap pool.Snapshot) {
	s.state = snap
	s.sendState()
}

func (s *shell) sendState() {
	snap := s.state
	st := &State{Target: snap.Target, Up: snap.Up, Whole: snap.Whole, Leaving: snap.Want > pool.Run, Workers: make([]Worker, 0, len(snap.Slots))}
	for _, slot := range snap.Slots {
		w := Worker{
			ID: slot.ID, PID: slot.Ref.PID, Start: slot.Ref.Start, State: slot.Phase.String(),
			Since: slot.Since, Restarts: slot.Restarts, Last: s.last[slot.ID],
		}
		if worker := s.workers[slot.ID]; worker != nil {
			w.Status = worker.status
		}
		st.Workers = append(st.Workers, w)
	}
	s.reports.put(Report{Kind: ReportState, State: st})
}

// Bounds of the end: how long strays may take to die of SIGKILL, and how long the
// herder and the log may take to hear the rest.
const (
	strayTime = 2 * time.Second
	flushTime = time.Second
)

// Leave is the end of the generation: strays of workers that ended are killed now
// (while the workers of it served, they were let be), all are reaped, and what was
// said last is sent.
func (s *shell) Leave() {
	if left, err := proc.Proc.KillTree(s.self, strayTime); err != nil {
		s.note(0, fmt.Sprintf("%v; %d are left to the herder", err, len(left)))
	}
	s.reap()
	s.looks.stop()
	close(s.done)
	s.notify.Close()
	flush := time.NewTimer(flushTime)
	defer flush.Stop()
	s.reports.close()
	for _, ended := range []<-chan struct{}{s.reports.done, s.ended()} {
		select {
		case <-ended:
		case <-flush.C:
			return // somebody does not read: the kernel takes the rest away
		}
	}
	s.conn.close()
	s.log.Close()
	s.spawner.Close()
}

// ended is closed when all tasks are over.
func (s *shell) ended() <-chan struct{} {
	c := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(c)
	}()
	return c
}
