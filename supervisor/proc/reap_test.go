package proc

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reaper buries every child as soon as it is dead, on a goroutine of its own,
// the way a shell around this package does.
type reaper struct {
	mu    sync.Mutex
	exits map[Ref]unix.WaitStatus
	more  chan struct{} // a hint that exits has grown
	quit  chan struct{}
	done  chan error
}

func newReaper(t *testing.T) *reaper {
	r := &reaper{exits: map[Ref]unix.WaitStatus{}, more: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan error, 1)}
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	t.Cleanup(func() { signal.Stop(died) })
	go func() {
		for {
			if err := r.drain(); err != nil {
				r.done <- err
				return
			}
			select {
			case <-died:
			case <-r.quit:
				r.done <- nil
				return
			}
		}
	}()
	return r
}

func (r *reaper) drain() error {
	for {
		e, ok, err := Peek()
		if err != nil || !ok {
			return err
		}
		ws, err := Reap(e.PID)
		if err != nil {
			return err
		}
		r.mu.Lock()
		ref := Ref{e.PID, e.Start}
		if _, twice := r.exits[ref]; twice || e.Start == 0 || ws != e.Status {
			err = fmt.Errorf("%+v buried twice, nameless or with another status: %#x", e, ws)
		}
		r.exits[ref] = ws
		r.mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
}

// stop waits for n exits and ends the reaper.
func (r *reaper) stop(t *testing.T, n int) map[Ref]unix.WaitStatus {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		have := len(r.exits)
		r.mu.Unlock()
		if have >= n {
			break
		}
		select {
		case <-r.more:
		case err := <-r.done:
			t.Fatalf("the reaper ended: %v", err)
		case <-deadline:
			t.Fatalf("%d exits of %d", have, n)
		}
	}
	close(r.quit)
	check(t, <-r.done)
	return r.exits
}

func TestH13ReaperLosesNothing(t *testing.T) {
	const n = 1000
	s := newSpawner(t)
	r := newReaper(t)
	var refs []Ref
	for i := range n {
		if i%10 == 0 { // one that fails must never be seen by the reaper
			if p, err := s.Spawn(Spec{Path: "/nope", Umask: -1}); err == nil {
				t.Fatal(p.Ref())
			}
		}
		p, err := s.Spawn(Spec{Path: "/bin/true", Umask: -1})
		check(t, err)
		if p.Ref().Start == 0 || p.FD() < 0 {
			t.Fatalf("spawn %d: buried before it was known: %+v", i, p.Ref())
		}
		refs = append(refs, p.Ref())
		check(t, p.Close())
	}
	exits := r.stop(t, n)
	for _, ref := range refs {
		if ws, ok := exits[ref]; !ok || ws != 0 {
			t.Errorf("%+v: %v %s", ref, ok, Describe(ws))
		}
	}
	if len(exits) != n {
		t.Errorf("%d exits of %d", len(exits), n)
	}
}

// manyDead is how many die at once in S4.
const manyDead = 5000

func init() {
	// Leaves manyDead zombies. They end right after clone: what is under
	// test is the burial.
	helpers["many"] = func() error {
		end := &plan{}
		end.add(must, "", "", unix.SYS_EXIT_GROUP, 3)
		s := &Spawner{noPidfd: true}
		for range manyDead {
			if pid := s.clone(end, new(int32), new(failure)); pid < 0 {
				return unix.Errno(-pid)
			}
		}
		fmt.Println("all dead")
		return unix.Pause()
	}
}

func TestS4ManyChildrenDieAtOnce(t *testing.T) {
	s := newSpawner(t)
	out, w := pipe(t)
	spec := self("many")
	spec.Files[1] = w.fd
	p, err := s.Spawn(spec)
	check(t, err)
	if got := out.line(); got != "all dead" {
		t.Fatal(got)
	}
	r := newReaper(t)
	check(t, p.Signal(unix.SIGKILL)) // its zombies all become ours now
	exits := r.stop(t, manyDead+1)
	check(t, p.Close())
	for ref, ws := range exits {
		if want := "exit 3"; ref != p.Ref() && Describe(ws) != want {
			t.Fatalf("%+v: %s, want %s", ref, Describe(ws), want)
		}
	}
	if len(exits) != manyDead+1 {
		t.Errorf("%d exits, want %d", len(exits), manyDead+1)
	}
}

func TestPeekShowsTheSameUntilReaped(t *testing.T) {
	s := newSpawner(t)
	a, err := s.Spawn(sh("exit 1"))
	check(t, err)
	for range 3 {
		if e := peekAt(t, a); Describe(e.Status) != "exit 1" {
			t.Error(e)
		}
	}
	bury(t, a)
	if e, ok, err := Peek(); ok || err != nil {
		t.Errorf("%+v %v", e, err)
	}
}

// doubleFork starts an escapee: its parent is gone, its session is its own. It
// prints its pid to fd 4 and runs until fd 3 closes.
const doubleFork = `setsid sh -c 'cat <&3 >/dev/null 4>&- & echo $! >&4'; exit 5`

func TestW6DoubleForkIsFoundEndedAndReaped(t *testing.T) {
	s := newSpawner(t)
	never, hold := pipe(t)
	out, w := pipe(t)
	p, err := s.Spawn(sh(doubleFork, never.fd, w.fd))
	check(t, err)
	w.close()
	var pid int
	_, err = fmt.Sscan(strings.TrimSpace(out.readAll()), &pid)
	check(t, err)
	if ws := bury(t, p); ws.ExitStatus() != 5 {
		t.Error(Describe(ws))
	}
	// Whoever it forked through is dead by now: it is ours.
	st, err := Proc.Stat(pid)
	check(t, err)
	below, err := Proc.Descendants(os.Getpid())
	check(t, err)
	if st.PPID != os.Getpid() || len(below) != 1 || below[0] != st.Ref() || st.Session == os.Getpid() {
		t.Errorf("escapee %+v, below us %v", st, below)
	}
	left, err := Proc.KillTree(ourRef(t), patience)
	check(t, err)
	if got := Describe(buryPID(t, pid)); len(left) != 0 || got != "killed by SIGKILL" {
		t.Errorf("left %v, escapee %s", left, got)
	}
	hold.close()
}

func ourRef(t testing.TB) Ref {
	t.Helper()
	st, err := Proc.Stat(os.Getpid())
	check(t, err)
	return st.Ref()
}
