package supervisor

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// Who waits for a processor, and has hardly had one, may be about to execute a command; who sleeps, or has run for long, is not.
func TestWhoMayExec(t *testing.T) {
	const nobody = 1 << 30 // above every pid (proc_sys_kernel(5), pid_max)
	for state, want := range map[byte]bool{'R': true, 'D': true, 'S': false, 'Z': false} {
		if got := mayExec(proc.Stat{PID: nobody, State: state, Threads: 1}); got != want {
			t.Errorf("%c, and has not run: %t", state, got)
		}
	}
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	busy := proc.Stat{PID: cmd.Process.Pid, State: 'R', Threads: 1}
	poll := time.NewTicker(betweenGlances)
	defer poll.Stop()
	for end := time.Now().Add(10 * time.Second); mayExec(busy); <-poll.C {
		if time.Now().After(end) {
			t.Fatal("it has run for ten seconds, and is still taken for one that is about to execute a command")
		}
	}
}

// Nobody is taken for a worker who may be about to execute a command, in whichever look.
func TestWhoMayExecIsNoWorker(t *testing.T) {
	cmd := exec.Command("sh", "-c", "(read line; exit); exit")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	var kids []int
	poll := time.NewTicker(betweenGlances)
	defer poll.Stop()
	for end := time.Now().Add(10 * time.Second); len(kids) == 0; <-poll.C {
		if kids, err = proc.Proc.Children(cmd.Process.Pid); err != nil || time.Now().After(end) {
			t.Fatal(kids, err)
		}
	}
	st, err := proc.Proc.Stat(kids[0])
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{signal: unix.SIGTERM}
	for _, state := range []byte("RS") {
		st.State = state
		if got, want := o.process(st).Forked, !mayExec(st); got != want {
			t.Errorf("%c: forked %t", state, got)
		}
	}
}
