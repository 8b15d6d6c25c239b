package master

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// pythonWorker is a worker on a socket that does as the script says, after these words:
// s is the socket it was given, other() another one, and tell() says READY=1.
func pythonWorker(t *testing.T, script string) plan {
	t.Helper()
	p := testWorker(t, "")
	p.env = nil
	p.spec.Argv = []string{"python3", "-c", `
import os, signal, socket, time
def other():
    return socket.create_server(("127.0.0.1", 0))
def tell(how="notify"):
    if how == "fd":
        os.write(int(os.environ["HERDER_READY_FD"]), b"\n")
    elif how == "notify":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
            n.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
s = socket.socket(fileno=3)
` + script}
	return p
}

func (p plan) address() string { return p.listeners[0].Passed().Address }

// isArmed looks whether the one worker waits on the socket at this moment.
func (h *herder) isArmed(p plan) bool {
	h.t.Helper()
	how, err := ready.Armed(h.worker(1).PID, p.listeners[0].Passed().Inodes)
	check(h.t, err)
	return how != ""
}

// A worker that says in whatever way that it is ready, keeps our socket open, and
// serves another one, is found out, and the reason says where it serves.
func TestTookElsewhere(t *testing.T) {
	for _, c := range []struct{ how, words string }{
		{"auto", `tell()`}, {"notify", `tell()`}, {"fd", `tell("fd")`}, {"exec:/bin/sh -c 'test -e ok'", `open("ok", "w").close()`},
		{"auto", `c = socket.create_connection(s.getsockname()); tell()`}, // a client of ours is none of ours
		{"auto", `os.fork() or signal.pause(); tell()`},
	} {
		t.Run(strings.ReplaceAll(c.how+" "+c.words, "/", "_"), func(t *testing.T) {
			t.Parallel()
			how, err := ready.Parse(c.how)
			check(t, err)
			h := startMaster(t, pythonWorker(t, "o = other()\n"+c.words+"\nwhile True: o.accept()").
				with(func(s *Spec) { s.Ready = how }))
			h.until("failure", func() bool { return h.failed != nil })
			if !regexp.MustCompile(`^worker 1 did not take the socket: it listens on 127\.0\.0\.1:\d+ instead$`).MatchString(h.failed.Reason) {
				t.Errorf("the reason is %q", h.failed.Reason)
			}
			if how := h.exit(); how != "exit 1" {
				t.Errorf("the master ended with %s", how)
			}
		})
	}
}

// A port of its own does no harm to a worker that waits on ours soon: it is ready then,
// and not before.
func TestTookLate(t *testing.T) {
	t.Parallel()
	p := pythonWorker(t, "m = other(); tell(); time.sleep(0.3)\nwhile True: s.accept()[0].close()")
	h := startMaster(t, p)
	h.untilUp(1)
	if !h.isArmed(p) {
		t.Error("it was believed before it took the socket")
	}
	h.leaves(DoStop)
}

// Nor does it to one that has too much to do to wait: it holds a connection.
func TestTookBusy(t *testing.T) {
	for _, how := range []string{"notify", "fd"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := pythonWorker(t, `m = other(); c = s.accept()[0]; tell("`+how+`"); c.recv(1)`)
			p.spec.Ready = kind(ready.Kind(how))
			c, err := net.Dial("tcp", p.address())
			check(t, err)
			defer c.Close()
			h := startMaster(t, p)
			h.untilUp(1)
			if h.isArmed(p) {
				t.Error("it waits, so the connection proves nothing")
			}
			h.leaves(DoStop)
		})
	}
}

// A port that is closed again while it is asked for a proof needs none.
func TestTookNothingElse(t *testing.T) {
	t.Parallel()
	h := startMaster(t, pythonWorker(t, `m = other(); tell(); time.sleep(0.3); m.close(); signal.pause()`))
	h.untilUp(1)
	h.leaves(DoStop)
}

// Who holds nothing of ours is no worker of ours at once, and is told where it serves.
func TestTookNothing(t *testing.T) {
	t.Parallel()
	h := startMaster(t, pythonWorker(t, `s.close(); o = other(); tell(); signal.pause()`))
	h.until("failure", func() bool { return h.failed != nil })
	if !regexp.MustCompile(`^worker 1 did not take the socket; it listens on 127\.0\.0\.1:\d+ instead$`).MatchString(h.failed.Reason) {
		t.Errorf("the reason is %q", h.failed.Reason)
	}
	h.exit()
}

// Datagram sockets do not listen: a worker on such is believed, wherever it listens.
func TestTookDatagrams(t *testing.T) {
	t.Parallel()
	p := pythonWorker(t, `o = other(); tell(); signal.pause()`)
	l, err := handoff.Open(context.Background(), handoff.Spec{Name: "dns", Network: handoff.UDP, Address: "127.0.0.1:0"})
	check(t, err)
	t.Cleanup(func() { l.Close() })
	p.listeners = []*handoff.Listener{l}
	h := startMaster(t, p)
	h.untilUp(1)
	h.leaves(DoStop)
}

// A worker that listens nowhere else is ready at the first word, without another look.
func TestTookAtOnce(t *testing.T) {
	p := pythonWorker(t, `tell("fd"); signal.pause()`)
	s := &shell{inodes: p.listeners[0].Passed().Inodes}
	fd, err := ready.NewFD()
	check(t, err)
	defer fd.Close()
	spawner, err := proc.NewSpawner()
	check(t, err)
	defer spawner.Close()
	path, err := proc.Look(p.spec.Argv[0], "/", "/usr/bin:/bin")
	check(t, err)
	process, err := spawner.Spawn(proc.Spec{
		Path: path, Argv: p.spec.Argv, Env: []string{"HERDER_READY_FD=4"}, Dir: "/", Umask: -1,
		Files: []int{-1, 1, 2, p.listeners[0].FDs()[0], fd.W()},
	})
	check(t, err)
	h := &herder{t: t, process: process}
	defer func() {
		_, _ = proc.Proc.KillTree(process.Ref(), patience)
		h.exit()
		process.Close()
	}()
	fd.CloseW()
	if _, came := <-fd.C(); !came {
		t.Fatal("the worker is gone")
	}
	w := &worker{slot: 1, process: process, booting: true}
	events := s.isReady(w)
	if len(events) != 1 || events[0] != (pool.Ready{Slot: 1}) || w.doubted || w.booting {
		t.Errorf("events %v, doubted %t, booting %t", events, w.doubted, w.booting)
	}
}
