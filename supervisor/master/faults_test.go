package master

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/ready"
)

// A worker that dies as soon as it is ready, for ever: the waits grow, the other
// serves on. (How long the waits are is the matter of package pool.)
func TestW1CrashLoop(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`
		[ $HERDER_WORKER = 2 ] || { `+faithful+`; }
		echo >&3
		[ -e crash ] && exit 7
		trap 'exit 0' TERM; while :; do sleep 600 & wait $!; done`).with(func(s *Spec) { s.Workers = 2 }))
	h.untilUp(2)
	one := h.worker(1)
	check(t, os.WriteFile(h.dir()+"/crash", nil, 0o600))
	h.signal(h.worker(2), unix.SIGKILL)
	h.until("a wait", func() bool { return h.worker(2).State == "waiting" })
	h.until("another wait", func() bool { return h.worker(2).Restarts >= 4 && h.worker(2).State == "waiting" })
	if w := h.worker(2); w.Last != "exit 7" {
		t.Errorf("worker 2 is %+v", w)
	}
	if h.worker(1) != one {
		t.Errorf("worker 1 was %+v and is %+v", one, h.worker(1))
	}
	if how := h.leaves(DoQuit); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

func TestW2HungWorkerIsAborted(t *testing.T) {
	t.Parallel()
	p := testWorker(t, "beat").with(func(s *Spec) { s.Workers, s.Watchdog, s.KillTimeout = 2, 4*time.Second, time.Second })
	h := startMaster(t, p)
	h.untilUp(2)
	one, two := h.worker(1), h.worker(2)
	h.signal(one, unix.SIGSTOP)
	h.until("the replacement", func() bool { return h.state.Up == 2 && h.worker(1).PID != one.PID })
	if w := h.worker(2); w.PID != two.PID || w.Restarts != 0 {
		t.Errorf("worker 2 was %+v and is %+v", two, w)
	}
	if !h.noted("worker 1 gave no sign of life for 4s") || h.worker(2).Status != "every 4000000" {
		t.Errorf("notes %q, worker 2 says %q", h.notes, h.worker(2).Status)
	}
	h.leaves(DoQuit)
}

// A daemon that a worker has started lives as long as the generation: it may serve
// others. Then it is killed.
func TestW6StrayIsKilledAtTheEnd(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`(setsid sh -c 'sleep 600 & echo $! >stray; wait' &) ; while [ ! -s stray ]; do sleep 0.01; done; `+faithful))
	h.untilUp(1)
	stray := strayOf(t, h)
	one := h.worker(1)
	h.signal(one, unix.SIGKILL)
	h.until("the replacement", func() bool { return h.state.Up == 1 && h.worker(1).PID != one.PID })
	if isGone(stray) {
		t.Error("the stray ended with its worker")
	}
	if how := h.leaves(DoQuit); how != "exit 0" || !isGone(stray) {
		t.Errorf("the master ended with %s, the stray gone: %v", how, isGone(stray))
	}
}

// A worker that kills its own process group, or has left it, harms nobody else.
func TestW9WorkerKillsItsGroup(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(`
		if [ $HERDER_WORKER = 1 ] && [ -e go ]; then rm go; trap '' TERM; echo >&3; kill -TERM 0; kill -KILL 0; fi
		[ $HERDER_WORKER != 2 ] || { setsid sh -c "$0" & wait; }
		`+faithful).with(func(s *Spec) { s.Workers = 3; s.Argv = append(s.Argv, faithful) }))
	h.untilUp(3)
	one, two, three := h.worker(1), h.worker(2), h.worker(3)
	check(t, os.WriteFile(h.dir()+"/go", nil, 0o600))
	h.signal(one, unix.SIGKILL)
	h.until("two deaths", func() bool { return h.state.Up == 3 && h.worker(1).Restarts == 2 })
	if h.worker(2).PID != two.PID || h.worker(3).PID != three.PID {
		t.Error("another worker was harmed")
	}
	if how := h.leaves(DoQuit); how != "exit 0" || !isGone(two) {
		t.Errorf("the master ended with %s, worker 2 gone: %v", how, isGone(two))
	}
}

// How a worker ended is told exactly.
func TestW12ExitsAreDecoded(t *testing.T) {
	t.Parallel()
	ways := []struct{ do, want string }{
		{"exit 0", "exit 0"}, {"exit 1", "exit 1"}, {"exit 255", "exit 255"}, {"kill -SEGV $$", "killed by SIGSEGV"},
		{"kill -KILL $$", "killed by SIGKILL"}, {"kill -USR1 $$", "killed by SIGUSR1"},
	}
	script := "case $HERDER_WORKER in\n"
	for i, way := range ways {
		script += fmt.Sprintf("%d) way='%s';;\n", i+1, way.do)
	}
	script += `esac; trap "$way" HUP; ` + faithful
	h := startMaster(t, shellWorker(script).with(func(s *Spec) { s.Workers = len(ways) }))
	h.untilUp(len(ways))
	h.link.Send(Order{Do: DoSignal, Signal: "HUP"})
	for i, way := range ways {
		h.until(way.want, func() bool {
			w := h.worker(i + 1)
			return w.Restarts == 1 && w.State == "up" && strings.HasPrefix(w.Last, way.want)
		})
	}
	h.leaves(DoStop)
}

// However many words come before it, the one that ends the generation is heard.
func TestS1StormOfOrders(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(faithful).with(func(s *Spec) { s.Workers = 2 }))
	h.untilUp(2)
	check(t, h.process.Signal(unix.SIGSTOP)) // it does not even read
	for i := range 10_000 {
		for _, o := range []Order{{Do: DoReopen}, {Do: DoScale, N: i % 5}, {Do: DoSignal, Signal: "WINCH"}, {Do: DoCheck}} {
			h.link.Send(o)
		}
	}
	h.link.Send(Order{Do: DoQuit})
	check(t, h.process.Signal(unix.SIGCONT))
	if how := h.exit(); how != "exit 0" {
		t.Errorf("the master ended with %s", how)
	}
}

func TestW17TargetsFasterThanSpawn(t *testing.T) {
	t.Parallel()
	h := startMaster(t, shellWorker(faithful))
	h.untilUp(1)
	for i := range 200 {
		h.link.Send(Order{Do: DoScale, N: i % 7})
	}
	h.link.Send(Order{Do: DoScale, N: -5})
	h.until("none", func() bool { return h.state.Target == 0 && len(h.state.Workers) == 0 })
	h.link.Send(Order{Do: DoScale, N: 5000})
	h.until("the highest target", func() bool { return h.state.Target == 1000 && len(h.state.Workers) > 3 })
	h.link.Send(Order{Do: DoScale, N: 2})
	h.untilUp(2)
	h.leaves(DoStop)
}

// Words that are garbage, too long, said twice, or by a stranger.
func TestB7NotifyGarbage(t *testing.T) {
	t.Parallel()
	p := testWorker(t, "babble").with(func(s *Spec) { s.Ready = kind(ready.KindNotify) })
	h := startMaster(t, p)
	h.untilUp(1)
	socket := environOf(t, h.worker(1), "NOTIFY_SOCKET")
	conn, err := net.Dial("unixgram", socket)
	check(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("STOPPING=1\nWATCHDOG=trigger")) // from a foreign process
	check(t, err)
	h.until("the stranger", func() bool { return h.noted("is none of ours") })
	if w := h.worker(1); w.State != "up" || w.Restarts != 0 {
		t.Errorf("worker 1 is %+v", w)
	}
	if len(h.extend) == 0 || h.extend[0] != 30*time.Second {
		t.Errorf("it asked to wait for %v", h.extend)
	}
	h.leaves(DoQuit)
}
