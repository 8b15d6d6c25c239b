package master

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/output"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// worker is one process that was started.
type worker struct {
	slot    int
	process *proc.Process
	out     *output.Output
	telling atomic.Bool // the loop hears of each write to stderr
	fd      *ready.FD   // nil where it has none
	started time.Time
	booting bool      // nobody has said yet that it is ready
	doubted bool      // somebody said so, and it is looked at whether it took our socket (took.go)
	seen    time.Time // when a wait that nobody can see into was first seen (ready.IOUring)
	gone    bool
	status  string
	babbled bool // it said what is not understood, and that was noted
}

// firstFD is where the listeners begin in a worker (sd_listen_fds(3)).
const firstFD = 3

// Start starts a worker and says how that went.
func (s *shell) Start(slot int) []pool.Event {
	w, err := s.spawn(slot)
	if err != nil {
		return []pool.Event{pool.SpawnFailed{Slot: slot, Why: err.Error()}}
	}
	s.workers[slot], s.pids[w.process.Ref().PID] = w, w
	ref := w.process.Ref()
	return append([]pool.Event{pool.Spawned{Slot: slot, Ref: pool.Ref{PID: ref.PID, Start: ref.Start}}}, s.awaitReady(w)...)
}

func (s *shell) spawn(slot int) (*worker, error) {
	argv, err := handoff.Expand(s.spec.Argv, s.spec.Listeners, firstFD)
	if err != nil {
		return nil, err
	}
	w := &worker{slot: slot, started: time.Now()}
	env, fds := s.row.Environ(s.spec.Listeners, s.spec.Generation, firstFD, argv), handoff.Slot(s.spec.Listeners, slot-1)
	env = append(env, "HERDER_WORKER="+strconv.Itoa(slot))
	if w.out, err = s.newOutput(w); err != nil {
		return nil, err
	}
	defer w.out.Started()
	if s.wantsFD() {
		if w.fd, err = ready.NewFD(); err != nil {
			return nil, err
		}
		env = append(env, "HERDER_READY_FD="+strconv.Itoa(firstFD+len(fds)))
		fds = append(fds, w.fd.W())
	}
	w.process, err = s.spawner.Spawn(proc.Spec{
		Path: s.path, Argv: argv, Env: append(s.base[:len(s.base):len(s.base)], env...),
		Files:     append([]int{-1, w.out.Stdout, w.out.Stderr}, fds...),
		ListenPID: len(s.spec.Listeners) > 0 && s.row.MeansFor(argv)&dialect.Listen != 0,
		User:      s.spec.User, Umask: s.spec.Umask, Nice: s.spec.Nice, Rlimits: s.spec.Rlimits,
		Group: true, // a worker that kills its own group kills itself
	})
	if err != nil {
		if w.fd != nil {
			w.fd.Close()
		}
		return nil, err
	}
	if w.fd != nil {
		w.fd.CloseW()
		s.awaitFD(w)
	}
	return w, nil
}

// baseEnviron is what all workers share: the environment of the master, without
// what is each worker's own, and with what this master gives to all.
func baseEnviron(environ []string, spec Spec, notify string) []string {
	own := map[string]string{
		"NOTIFY_SOCKET":     notify,
		"HERDER_GENERATION": strconv.Itoa(spec.Generation),
		"WATCHDOG_USEC":     "", "WATCHDOG_PID": "", "HERDER_WORKER": "", "HERDER_READY_FD": "",
		"LISTEN_PID": "", "LISTEN_FDS": "", "LISTEN_FDNAMES": "",
	}
	if spec.Watchdog > 0 {
		// sd_watchdog_enabled(3): the longest silence; half of it is a good rhythm.
		own["WATCHDOG_USEC"] = strconv.FormatInt(spec.Watchdog.Microseconds(), 10)
	}
	env := make([]string, 0, len(environ)+len(own))
	for _, kv := range environ {
		if key, _, _ := strings.Cut(kv, "="); !isKey(own, key) {
			env = append(env, kv)
		}
	}
	for _, key := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "HERDER_GENERATION"} {
		if own[key] != "" {
			env = append(env, key+"="+own[key])
		}
	}
	return env
}

func isKey(m map[string]string, key string) bool {
	_, is := m[key]
	return is
}

// drainTime is how long the last words of a worker are waited for that ends
// before it was up, or the pool whole: they are the reason in the verdict.
const drainTime = 200 * time.Millisecond

// bury: a worker has been reaped. The pool hears it at once, or when its last
// words are read.
func (s *shell) bury(w *worker, status unix.WaitStatus) []pool.Event {
	how := proc.Describe(status)
	booted := !w.booting
	w.gone, w.booting = true, false
	delete(s.pids, w.process.Ref().PID)
	w.process.Close()
	if w.fd != nil {
		w.fd.Close()
	}
	tell := func() []pool.Event {
		if !booted {
			s.lastWords(w)
		}
		s.tails[w.slot], s.last[w.slot] = w.out.Tail(), how
		delete(s.workers, w.slot)
		return []pool.Event{pool.Exited{Slot: w.slot, How: how}}
	}
	if booted && s.state.Whole || isClosed(w.out.Drained()) {
		return tell()
	}
	go func() {
		timer := time.NewTimer(drainTime)
		defer timer.Stop()
		select {
		case <-w.out.Drained():
		case <-timer.C: // a stray of it holds the pipe
		}
		s.post(tell)
	}()
	return nil
}
