package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// byHand is an app server that nobody herds. Its upgrades are done as its manual says, by somebody who is never late.
type byHand struct {
	server  appServer
	release release
	bench   *bench
	master  proc.Ref
}

// startByHand starts a server and waits until all its workers serve. The caller ends it.
func (b *bench) startByHand(server appServer) (*byHand, error) {
	r, err := b.release()
	if err != nil {
		return nil, err
	}
	output, err := os.Create(r.path("output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	argv := server.reexec(r.address)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "WORKER_LOG="+r.log)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &byHand{server: server, release: r, bench: b}
	if s.master, err = refOf(cmd.Process.Pid); err == nil {
		err = s.awaitCrew(s.master)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func refOf(pid int) (proc.Ref, error) {
	st, err := proc.Proc.Stat(pid)
	return st.Ref(), err
}

// said is the end of what the server wrote.
func (s *byHand) said() string {
	text, _ := os.ReadFile(s.release.path("output"))
	return string(text[max(0, len(text)-2000):])
}

// await looks every millisecond.
func (s *byHand) await(what string, done func() (bool, error)) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := s.bench.pause(time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("waited in vain for %s; %s says: %s", what, s.server.name, s.said())
}

// awaitCrew waits until all workers of a master have been seen to serve.
func (s *byHand) awaitCrew(master proc.Ref) error {
	served := map[proc.Ref]bool{}
	return s.await("the workers", func() (bool, error) {
		all, err := ready.ListListeners()
		if err != nil {
			return false, err
		}
		inodes, err := all.HeldBy([]int{master.PID})
		if err != nil || len(inodes) == 0 {
			return false, err
		}
		below, err := proc.Proc.Descendants(master.PID)
		if err != nil {
			return false, fmt.Errorf("%s is gone: %w; it said: %s", s.server.name, err, s.said())
		}
		for _, ref := range below {
			if !served[ref] && serves(ref.PID, all, inodes) {
				served[ref] = true
			}
		}
		return len(served) == crew, nil
	})
}

// serves says whether a process waits for a connection, or has one in hand. One that has just ended does neither.
func serves(pid int, all ready.Listeners, inodes []uint64) bool {
	how, err := ready.Armed(pid, inodes)
	if err != nil || how != "" {
		return how != ""
	}
	busy, err := all.Accepted([]int{pid}, inodes)
	return len(busy) > 0 && err == nil
}

// pass upgrades once: from SIGUSR2 until all new workers serve, and until the old generation is gone.
func (s *byHand) pass() (whole, gone time.Duration, err error) {
	old, err := hold(s.master)
	if err != nil {
		return 0, 0, err
	}
	defer old.release()
	asked := time.Now()
	if err := old.master().Signal(unix.SIGUSR2); err != nil {
		return 0, 0, err
	}
	var successor proc.Ref
	err = s.await("a successor", func() (bool, error) {
		pid, err := pidfile.Read(s.release.path(s.server.successor))
		if err != nil || pid == s.master.PID {
			return false, nil
		}
		successor, err = refOf(pid)
		return err == nil, nil
	})
	if err == nil {
		err = s.awaitCrew(successor)
	}
	whole = time.Since(asked)
	if err == nil {
		err = old.master().Signal(s.server.graceful)
	}
	if err == nil {
		err = old.awaitEnd()
	}
	gone = time.Since(asked)
	if err != nil {
		return 0, 0, err
	}
	_, err = unix.Wait4(s.master.PID, nil, 0, nil) // our child by descent or as the nearest subreaper
	s.master = successor
	return whole, gone, err
}

// settle waits until the successor has the pid file for itself: until then gunicorn refuses to start another.
func (s *byHand) settle() error {
	return s.await("the pid file", func() (bool, error) {
		pid, err := pidfile.Read(s.release.path(serverPid))
		return err == nil && pid == s.master.PID, nil
	})
}

// end kills all of it. Workers whose master is gone are ours to wait for.
func (s *byHand) end() {
	all, err := hold(s.master)
	if err != nil {
		return // it has ended
	}
	defer all.release()
	_, _ = proc.Proc.KillTree(s.master, patience)
	for _, p := range all {
		_, _ = unix.Wait4(p.Ref().PID, nil, 0, nil)
	}
}
