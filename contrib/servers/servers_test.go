// Package servers runs the apps of this folder under the servers they are for, without herder: what herder relies on must
// hold for the servers that are installed. Each is given its listener as herder gives it, and two generations of it hold
// the listener side by side.
package servers

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"golang.org/x/sys/unix"
)

func TestHandingOverLosesNothing(t *testing.T) {
	for name, s := range servers {
		for _, network := range s.networks() {
			t.Run(name+" "+network, func(t *testing.T) {
				t.Parallel()
				handOver(t, s, network)
			})
		}
	}
}

func handOver(t *testing.T, s server, network string) {
	dir := release(t)
	l := listen(t, dir, network, s.blocking)
	s.configure(t, dir, l)
	first := s.start(t, dir, l, 1)
	first.awaitArmed(t, l)
	h := hammer.Start(context.Background(), s.target(t, dir, l))
	awaitAnswers(t, h, 50)

	if s.pidfile != "" {
		// As the server itself does before its USR2.
		must(t, os.Rename(filepath.Join(dir, s.pidfile), filepath.Join(dir, s.pidfile+".oldbin")))
	}
	second := s.start(t, dir, l, 2)
	second.awaitArmed(t, l)
	if strings.Contains(s.pause, network) {
		h.Pause()
	}
	s.finish(t, first)
	if l.keeper != "" {
		putBack(t, s, l)
	}
	h.Resume()
	awaitAnswers(t, h, 50)

	// nginx and haproxy log a request after they have answered it.
	h.Pause()
	s.finish(t, second)
	if s.logs {
		gatherLog(t, dir, first, second)
	}
	r := h.Stop()
	t.Log(r)
	if r.Lost() != 0 || r.Generations[1] == 0 || r.Generations[2] == 0 {
		t.Error("requests were lost, or a generation had none")
	}
}

// target is the server itself, or nginx in front of it. There each request of a connection may go to another process.
func (s server) target(t *testing.T, dir string, l listener) hammer.Target {
	t.Helper()
	target := hammer.Target{Network: l.network, Address: l.address, Log: workerLog(dir), Sleep: time.Millisecond}
	if s.front {
		f := listen(t, dir, "tcp", false)
		front.configure(t, dir, f)
		front.start(t, dir, f, 0).awaitArmed(t, f)
		target.Network, target.Address, target.OneShot = f.network, f.address, 8
	}
	return target
}

func awaitAnswers(t *testing.T, h *hammer.Hammer, more int64) {
	t.Helper()
	until := h.Answered() + more
	await(t, "answers", func() bool { return h.Answered() >= until })
}

// finish tells a server to finish, and looks how it ends.
func (s server) finish(t *testing.T, p *process) {
	t.Helper()
	graceful, status := s.graceful, s.status
	if graceful == "" {
		graceful = "SIGTERM"
	}
	if status == "" {
		status = "exit 0"
	}
	must(t, syscall.Kill(p.pid, unix.SignalNum(graceful)))
	if got := p.awaitExit(t); got != status {
		t.Errorf("after %s: %s, want %s", graceful, got, status)
	}
}

// gatherLog makes the log of the workers from what processes wrote: the lines that begin with a number.
func gatherLog(t *testing.T, dir string, from ...*process) {
	t.Helper()
	var log []byte
	for _, p := range from {
		text, err := os.ReadFile(p.output)
		must(t, err)
		for line := range bytes.Lines(text) {
			if '0' <= line[0] && line[0] <= '9' {
				log = append(log, line...)
			}
		}
	}
	must(t, os.WriteFile(workerLog(dir), log, 0o644))
}

// putBack links the public name of a socket again.
func putBack(t *testing.T, s server, l listener) {
	t.Helper()
	_, err := os.Lstat(l.address)
	if gone := os.IsNotExist(err); gone != s.unlinks {
		t.Errorf("the path of the socket is gone: %v, want %v", gone, s.unlinks)
	}
	if s.unlinks {
		must(t, os.Link(l.keeper, l.address))
	}
}

func TestBrokenReleaseEnds(t *testing.T) {
	for name, s := range servers {
		if s.broken == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := release(t)
			l := listen(t, dir, "tcp", s.blocking)
			s.configure(t, dir, l)
			file, text := "mode", "crash\n"
			if s.noApp != "" {
				file, text = s.noApp, "boom\n"
			}
			must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
			if got := s.start(t, dir, l, 1).awaitExit(t); !regexp.MustCompile("^" + s.broken + "$").MatchString(got) {
				t.Errorf("%s, want %s", got, s.broken)
			}
		})
	}
}
