package proc

import (
	"errors"
	"fmt"
	"os"
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
		below, err := Proc.descend(p.Ref().PID)
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
	for script, heads := range map[string]int{grove: 6, hydra: 3} {
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

func TestTreeNeverHoldsUs(t *testing.T) {
	parent, err := Proc.Stat(os.Getppid())
	check(t, err)
	for _, ref := range []Ref{parent.Ref(), {PID: 1, Start: initStart(t)}} {
		if ref.PID == os.Getpid() {
			continue
		}
		if n, err := Proc.SignalTree(ref, 0); n != 0 || err == nil || !strings.Contains(err.Error(), "holds this very process") {
			t.Errorf("signalled %d of the tree of %d: %v", n, ref.PID, err)
		}
		if left, err := Proc.KillTree(ref, 0); left != nil || err == nil {
			t.Errorf("killed the tree of %d: %v %v", ref.PID, left, err)
		}
	}
	if n, err := Proc.SignalTree(ourRef(t), unix.SIGKILL); n != 0 || err != nil {
		t.Errorf("signalled %d: %v", n, err)
	}
	us := Stat{PID: os.Getpid(), Start: ourRef(t).Start, State: 'S'}
	if sent, err := deliver(us, unix.SIGKILL); sent || err != nil {
		t.Errorf("%v %v", sent, err)
	}
}

func initStart(t *testing.T) uint64 {
	t.Helper()
	st, err := Proc.Stat(1)
	check(t, err)
	return st.Start
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
