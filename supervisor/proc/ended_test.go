package proc

import (
	"testing"
	"time"
)

// Waiting for the end leaves the status to the reaper, and can be given up.
func TestEndedTellsOnceOfAnyProcess(t *testing.T) {
	s := newSpawner(t)
	_, stdout := pipe(t)
	hold, stdin := pipe(t)
	p, err := s.Spawn(Spec{Path: "/bin/cat", Argv: []string{"cat"}, Umask: -1, Files: []int{hold.fd, stdout.fd}})
	check(t, err)
	defer p.Close()
	other, err := Open(p.Ref().PID)
	check(t, err)
	defer other.Close()
	ended := make(chan struct{}, 2)
	stop, err := other.Ended(func() { ended <- struct{}{} })
	check(t, err)
	defer stop()
	unheard, err := other.Ended(func() { t.Error("told, though the wait was over") })
	check(t, err)
	unheard()
	select {
	case <-ended:
		t.Fatal("told before it ended")
	case <-time.After(20 * time.Millisecond):
	}
	hold.close()
	stdin.close() // cat reads the end, and ends
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("never told")
	}
	_, err = Reap(p.Ref().PID)
	check(t, err)
}
