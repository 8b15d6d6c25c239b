package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// grove is a shell with children and grandchildren, all of which hold fd 4
// until they are gone and wait on fd 3. TERM does nothing to them.
const grove = `trap '' TERM; echo go >&4
for i in 1 2 3; do
	sh -c 'cat <&3 & setsid cat <&3 & wait; wait' &
done; wait; wait; cat <&3`

// hydra grows a new head for each that is cut off.
const hydra = `trap '' TERM; echo go >&4
for i in 1 2 3; do
	sh -c 'while :; do cat <&3 & wait $!; done' &
done; wait; cat <&3`

// gorgon is a root that does so itself: it must be stopped first.
const gorgon = `trap '' TERM; echo go >&4
while :; do cat <&3 & wait $!; done`

// plant starts such a shell; all returns "" once every process of it is gone.
func plant(t *testing.T, s *Spawner, script string, heads int) (p *Process, all *end) {
	t.Helper()
	never, hold := pipe(t)
	all, w := pipe(t)
	p, err := s.Spawn(sh(script, never.fd, w.fd))
	check(t, err)
	never.close()
	w.close()
	t.Cleanup(hold.close)
	if got := all.line(); got != "go" {
		t.Fatal(got)
	}
	for deadline := time.Now().Add(patience); ; { // until it is grown
		below, err := Proc.descend(p.Ref().PID, nil)
		check(t, err)
		cats := 0
		for _, st := range below {
			if st.Comm == "cat" {
				cats++
			}
		}
		if cats >= heads {
			return p, all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d heads of %d: %+v", cats, heads, below)
		}
	}
}

// buryAll reaps what the tree has left to us as orphans, until no child is left.
func buryAll(t *testing.T) {
	t.Helper()
	for {
		kids, err := Proc.Children(os.Getpid())
		check(t, err)
		if len(kids) == 0 {
			return
		}
		for _, pid := range kids {
			buryPID(t, pid)
		}
	}
}

func TestKillTreeLeavesNobody(t *testing.T) {
	s := newSpawner(t)
	for script, heads := range map[string]int{grove: 6, hydra: 3, gorgon: 1} {
		p, all := plant(t, s, script, heads)
		left, err := Proc.KillTree(p.Ref(), patience)
		if err != nil || len(left) != 0 {
			t.Errorf("left %v: %v", left, err)
		}
		if got := all.readAll(); got != "" { // end of file: nobody holds it
			t.Error(got)
		}
		check(t, p.Close())
		buryAll(t)
		if _, err := Proc.KillTree(p.Ref(), patience); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
}

func TestSignalTreeReachesAllOnce(t *testing.T) {
	s := newSpawner(t)
	p, all := plant(t, s, grove, 6)
	n, err := Proc.SignalTree(p.Ref(), unix.SIGTERM) // ignored by all: children inherit it
	if n != 10 || err != nil {
		t.Errorf("reached %d: %v", n, err)
	}
	n, err = Proc.SignalTree(p.Ref(), unix.SIGKILL)
	if n != 10 || err != nil {
		t.Errorf("killed %d: %v", n, err)
	}
	if got := all.readAll(); got != "" {
		t.Error(got)
	}
	check(t, p.Close())
	buryAll(t)
}

func init() {
	// Tries to end the tree it is in itself: that of the shell above it, which
	// the test has started, and nothing more if the guard is broken.
	helpers["climber"] = func() error {
		up, err := Proc.Stat(os.Getppid())
		if err != nil {
			return err
		}
		if up.Comm != "sh" {
			return fmt.Errorf("below %+v, not the shell of the test", up)
		}
		_, killed := Proc.KillTree(up.Ref(), 0)
		n, signalled := Proc.SignalTree(up.Ref(), unix.SIGKILL)
		fmt.Println(killed != nil, signalled != nil, n)
		return nil
	}
}

func TestTreeNeverHoldsUs(t *testing.T) {
	s := newSpawner(t)
	spec := self("climber")
	spec.Argv, spec.Path = []string{"sh", "-c", `"$0"; echo and the shell lives`, spec.Path}, "/bin/sh"
	if got, ws := run(t, s, spec); got != "true true 0\nand the shell lives\n" || ws != 0 {
		t.Errorf("got %q, %s", got, Describe(ws))
	}
	if n, err := Proc.SignalTree(ourRef(t), 0); n != 0 || err != nil {
		t.Errorf("below us: %d, %v", n, err)
	}
}

// No signal is sent in this test: a tree that must not be touched is not walked.
func TestTreeRefusesOursWhereverItIsFound(t *testing.T) {
	us := os.Getpid()
	if us == 1 {
		return // nothing is above us
	}
	straight := fixture(t, map[int]int{1: 0, us + 5: 1, us: us + 5, us + 1: us}, true)
	for _, pid := range []int{1, us + 5} {
		if got, err := straight.tree(Ref{pid, uint64(1000 + pid)}); got != nil || err == nil || !strings.Contains(err.Error(), "holds this very process") {
			t.Errorf("tree of %d: %v %v", pid, got, err)
		}
	}
	if got, err := straight.tree(Ref{us, uint64(1000 + us)}); err != nil || len(got) != 1 || got[0].PID != us+1 {
		t.Errorf("ours: %v %v", got, err)
	}
	// PID 1 that is nobody's parent, as seen from another pid namespace.
	alone := fixture(t, map[int]int{1: 0, us: 0, us + 7: 1}, true)
	if got, err := alone.tree(Ref{1, 1001}); got != nil || err == nil {
		t.Errorf("tree of 1: %v %v", got, err)
	}
	// A chain of parents that changes under the walk: what was found decides.
	if above, err := alone.ancestor(us+7, us); above || err != nil {
		t.Fatal(above, err)
	}
	if sent, err := deliver(Stat{PID: us, Start: ourRef(t).Start, State: 'S'}, 0); sent || err != nil {
		t.Errorf("signalled ourselves: %v %v", sent, err)
	}
	if sent, err := deliver(Stat{PID: 1, State: 'S'}, 0); sent || err != nil {
		t.Errorf("signalled PID 1: %v %v", sent, err)
	}
}

func TestU11TreeOfAReusedPidIsLeftAlone(t *testing.T) {
	s := newSpawner(t)
	innocent := newIdler(t, s, nil)
	other := innocent.Ref()
	other.Start--
	if _, err := Proc.KillTree(other, patience); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if n, err := Proc.SignalTree(other, unix.SIGKILL); n != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("%d %v", n, err)
	}
	if sent, err := deliver(Stat{PID: other.PID, Start: other.Start, State: 'S'}, unix.SIGKILL); sent || err != nil {
		t.Errorf("%v %v", sent, err)
	}
	if ws := innocent.finish(t); ws != 0 {
		t.Error(Describe(ws))
	}
}

// headless is a helper whose first thread ends before the others.
const headless = "headless"

func init() {
	if os.Getenv(helperKey) == headless {
		runtime.LockOSThread() // init runs on the first thread: main stays there
	}
	helpers[headless] = func() error {
		go func() {
			fmt.Println("up")
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(4)
		}()
		_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // this thread only
		return errno
	}
}

// /proc says Z of a process whose first thread has ended; it may well serve on.
func TestProcessWithoutItsFirstThreadIsNotDead(t *testing.T) {
	s := newSpawner(t)
	in, hold := pipe(t)
	out, w := pipe(t)
	spec := self(headless)
	spec.Files[0], spec.Files[1] = in.fd, w.fd
	p, err := s.Spawn(spec)
	check(t, err)
	in.close()
	w.close()
	if got := out.line(); got != "up" {
		t.Fatal(got)
	}
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		st, err := Proc.Stat(p.Ref().PID)
		check(t, err)
		if st.Dead() || time.Now().After(deadline) {
			t.Fatalf("dead, or never headless: %+v", st)
		}
		if st.State == 'Z' {
			break
		}
	}
	if _, dead, err := Peek(); dead || err != nil {
		t.Error(dead, err)
	}
	left, err := Proc.KillTree(p.Ref(), patience)
	check(t, err)
	if got := Describe(bury(t, p)); len(left) != 0 || got != "killed by SIGKILL" {
		t.Errorf("left %v: %s", left, got)
	}
	hold.close()
}

func TestKillTreeIsBounded(t *testing.T) {
	s := newSpawner(t)
	p, all := plant(t, s, hydra, 3)
	left, err := Proc.KillTree(p.Ref(), -1) // no time: one round
	if err == nil && len(left) > 0 || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("cannot end %d processes", len(left))) {
		t.Errorf("left %v: %v", left, err)
	}
	// The head is dead or dying in any case; what is left is ours now.
	buryPID(t, p.Ref().PID)
	_, err = Proc.KillTree(ourRef(t), patience)
	check(t, err)
	if got := all.readAll(); got != "" {
		t.Error(got)
	}
	check(t, p.Close())
	buryAll(t)
}
