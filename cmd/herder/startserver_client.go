package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/starter"
)

// server is a start_server that runs: this one, or the original.
type server struct {
	process *proc.Process
	pid     int
	ended   chan struct{}
	ignore  func() // its end
}

func (s *server) close() {
	s.ignore()
	_ = s.process.Close() // nobody is signalled any more
}

// findServer finds the process in a pid file. The number is believed only while
// somebody holds the file locked, as start_server does all its life: else it may be
// anybody's by now.
func findServer(path string) (*server, *exit) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fail(control.NotRunning, "no start_server runs: cannot open pid file %s: %v", path, errors.Unwrap(err))
	}
	defer f.Close()
	pid, err := pidfile.Read(path)
	if err != nil {
		return nil, fail(control.Failed, "cannot read pid file: %v", err)
	}
	p, err := proc.Open(pid)
	if err != nil && !errors.Is(err, proc.ErrGone) {
		return nil, fail(control.Failed, "cannot get hold of start_server %d: %v", pid, err)
	}
	if err != nil || unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return nil, fail(control.NotRunning, "no start_server runs: nobody holds %s, in which pid %d was left behind", path, pid)
	}
	s := &server{process: p, pid: pid, ended: make(chan struct{})}
	if s.ignore, err = p.Ended(func() { close(s.ended) }); err != nil {
		return nil, fail(control.Failed, "cannot watch start_server %d: %v", pid, err)
	}
	return s, nil
}

func (s *server) signal(sig unix.Signal) *exit {
	err := s.process.Signal(sig)
	switch {
	case errors.Is(err, unix.EPERM):
		return fail(control.NoPermission, "cannot signal start_server %d: %v", s.pid, err)
	case err != nil && !errors.Is(err, proc.ErrGone):
		return fail(control.Failed, "cannot signal start_server %d: %v", s.pid, err)
	}
	return nil
}

// starterStop waits as long as the workers take.
func starterStop(c *starter.Command, stderr io.Writer) *exit {
	s, bad := findServer(c.PidFile)
	if bad != nil {
		return bad
	}
	defer s.close()
	fmt.Fprintf(stderr, "stop_server (pid:%d) stopping now (pid:%d)...\n", os.Getpid(), s.pid)
	if bad := s.signal(unix.SIGTERM); bad != nil {
		return bad
	}
	<-s.ended
	return nil
}

// restartLook is how often the status file is looked at: start_server(1) of others
// says nothing to anybody.
const restartLook = 50 * time.Millisecond

// starterRestart sends HUP and waits until only newer workers are left, or until the
// server says that the new worker failed, or until it is gone.
func starterRestart(c *starter.Command, stderr io.Writer) *exit {
	s, bad := findServer(c.PidFile)
	if bad != nil {
		return bad
	}
	defer s.close()
	before, err := newest(c.StatusFile)
	if err != nil {
		return fail(control.Failed, "%v", err)
	}
	status := s.asker(func(why error) {
		fmt.Fprintf(stderr, "%s: start_server %d does not say how its new worker fares, as the original never does: waiting until only a newer one is in %s, for as long as that takes (%v)\n",
			starterName, s.pid, c.StatusFile, why)
	})
	asked := status()
	if bad := s.signal(unix.SIGHUP); bad != nil {
		return bad
	}
	tick := time.NewTicker(restartLook)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return fail(control.Failed, "start_server %d ended before a new worker had started", s.pid)
		case <-tick.C:
		}
		if restarted(c.StatusFile, before) {
			return nil
		}
		if why := failedSince(asked, status()); why != "" {
			return fail(control.Failed, "%s", why)
		}
	}
}

// newest is the highest generation in the status file.
func newest(path string) (int, error) {
	pids, err := starter.ReadStatus(path)
	if err != nil {
		return 0, err
	}
	n := -1
	for gen := range pids {
		n = max(n, gen)
	}
	if n < 0 {
		return 0, fmt.Errorf("no worker is in status file %s: is there one, and is it that of this start_server?", path)
	}
	return n, nil
}

// restarted: there are workers, all newer than that. The original counts tries that
// failed, so the next number may never come.
func restarted(path string, than int) bool {
	pids, err := starter.ReadStatus(path)
	for gen := range pids {
		if gen <= than {
			return false
		}
	}
	return err == nil && len(pids) == 1
}

// socket is the control socket of the server. It is beside the lock that the server
// holds open, below the base of its own user and environment. That of ours is only a
// guess, for where we may not look or it is the original.
func (s *server) socket() string {
	name := starterRunName(s.pid)
	dir := filepath.Join(config.RuntimeBase(), name)
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.pid)) // the pattern is ours
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && filepath.Base(target) == "lock" && filepath.Base(filepath.Dir(target)) == name {
			dir = filepath.Dir(target)
		}
	}
	return filepath.Join(dir, "control.sock")
}

// asker asks the server how it fares, until it cannot be asked: that is told to silent,
// once, for then a worker that never starts is waited for without end.
func (s *server) asker(silent func(why error)) func() *control.Status {
	socket, mute := s.socket(), false
	return func() *control.Status {
		if mute {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		reply, err := control.Call(ctx, socket, control.Request{Do: control.DoStatus})
		if err == nil && reply.Status == nil {
			err = fmt.Errorf("the herder at %s has no status: %s", socket, reply.Error)
		}
		if mute = err != nil; mute {
			silent(err)
		}
		return reply.Status
	}
}

// failedSince says why a restart that was begun after before has failed; "" if it has
// not, or nobody knows. One that was under way already is another's.
func failedSince(before, now *control.Status) string {
	if before == nil || now == nil || now.LastUpgrade == nil || reflect.DeepEqual(before.LastUpgrade, now.LastUpgrade) {
		return ""
	}
	v := now.LastUpgrade
	if v.Verdict == control.Upgraded || before.Successor != nil && v.To == before.Successor.Generation {
		return ""
	}
	text := "the new worker did not start, the old one serves on, and start_server goes on trying: " + v.Reason
	for _, line := range v.Tail {
		text += "\n| " + line
	}
	return strings.TrimSuffix(text, "\n")
}
