package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdStorm sends many signals in a row, drawn from a list with a fixed seed. It may come right after the start: it begins
// with the first instruction after those that set what the signals do, for which execve(2) itself would be too early.
func cmdStorm(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 2, "storm N WHO SIG…")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	pid := who(ts, args[1])[0]
	var signals []syscall.Signal
	for _, name := range args[2:] {
		signals = append(signals, signalNumber(ts, name))
	}
	if !promptly(func() bool { return expects(pid, signals) }) {
		ts.Fatalf("%s (pid %d) leaves one of %v to its default action", args[1], pid, signals)
	}
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for range n {
		if err := syscall.Kill(pid, signals[random.IntN(len(signals))]); err != nil {
			ts.Fatalf("%s (pid %d) did not survive the storm: %v", args[1], pid, err)
		}
	}
}

// cmdUp lets runsv start a service that is down, and has its pid at the moment when it has executed herder: before herder's
// first instruction.
func cmdUp(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 2, "up VAR NAME")
	runsv := who(ts, "runsv-"+args[1])[0]
	control := filepath.Join(of(ts).work, "sv", args[1], "supervise", "control") // a fifo that runsv reads (runsv(8))
	ts.Check(os.WriteFile(control, []byte("u"), 0))
	pid := 0
	started := func() bool {
		pid = childThatIs(runsv, filepath.Join(binDir, "herder"))
		return pid != 0
	}
	if !promptly(started) {
		ts.Fatalf("%s does not start herder: %s", args[1], describe(descendants(runsv)))
	}
	ts.Setenv(args[0], strconv.Itoa(pid))
}

// cmdHold keeps a connection open: one with a request that takes long, or that waits in a queue.
func cmdHold(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 1, "hold open NAME ADDR [QUERY] | hold answer NAME… | hold close NAME…")
	s := of(ts)
	switch args[0] {
	case "open":
		need(ts, len(args) > 2, "hold open NAME ADDR [QUERY]")
		conn, err := net.DialTimeout(network(args[2]), address(args[2]), patience)
		ts.Check(err)
		s.held[args[1]] = conn
		if len(args) > 3 {
			_, err = fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\n\r\n", strings.Join(args[3:], "&"))
			ts.Check(err)
		}
	case "answer":
		for _, name := range args[1:] {
			_ = s.held[name].SetDeadline(time.Now().Add(patience))
			answer, err := io.ReadAll(s.held[name])
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
				ts.Fatalf("%s got %q, %v", name, answer, err)
			}
			_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			_, _ = io.WriteString(ts.Stdout(), body)
			_ = s.held[name].Close()
		}
	case "close":
		for _, name := range args[1:] {
			_ = s.held[name].Close()
		}
	}
}

// cmdExpand replaces $VARIABLES in a file: testscript takes the files of an archive as they are.
func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 2, "expand FROM TO")
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	writeFile(ts, ts.MkAbs(args[1]), text)
}

// cmdFreeze puts a process into a frozen cgroup (v1), where SIGKILL waits too: what a disk that hangs does to a process.
func cmdFreeze(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 1, "freeze PID")
	dir := fmt.Sprintf("/sys/fs/cgroup/freezer/herder-e2e-%d", os.Getpid())
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Defer(func() { thaw(dir) })
	ts.Check(os.WriteFile(dir+"/cgroup.procs", []byte(args[0]), 0o644))
	ts.Check(os.WriteFile(dir+"/freezer.state", []byte("FROZEN"), 0o644))
	frozen := func() bool {
		state, _ := os.ReadFile(dir + "/freezer.state")
		return strings.TrimSpace(string(state)) == "FROZEN"
	}
	if !within(patience, frozen) {
		ts.Fatalf("%s does not freeze", args[0])
	}
}

func cmdThaw(ts *testscript.TestScript, _ bool, _ []string) {
	thaw(fmt.Sprintf("/sys/fs/cgroup/freezer/herder-e2e-%d", os.Getpid()))
}

// thaw lets the processes go on, and removes the cgroup when they are gone.
func thaw(dir string) {
	_ = os.WriteFile(dir+"/freezer.state", []byte("THAWED"), 0o644)
	within(patience, func() bool { return os.Remove(dir) == nil || !exists(dir) })
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
