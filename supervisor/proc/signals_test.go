package proc

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	// Ignores and blocks all it can, and executes itself as "clean".
	helpers["dirty"] = func() error {
		runtime.LockOSThread()
		signal.Ignore() // all
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^uint64(0)
		}
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil); err != nil {
			return err
		}
		return syscall.Exec(os.Args[0], os.Args, helperEnv("clean"))
	}
	helpers["clean"] = func() error {
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		fmt.Print("parent\n", sigLines(string(b)), "child\n")
		return foreground(Spec{Path: "/bin/cat", Argv: []string{"cat", "/proc/self/status"}, Umask: -1, Files: []int{0, 1, 2}})
	}
}

func sigLines(status string) string {
	var out strings.Builder
	for line := range strings.Lines(status) {
		if strings.HasPrefix(line, "SigBlk") || strings.HasPrefix(line, "SigIgn") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// B15 and trap 4: what we were started with must not reach our children.
func TestB15IgnoredAndBlockedSignals(t *testing.T) {
	s := newSpawner(t)
	got, ws := run(t, s, self("dirty"))
	parent, child, ok := strings.Cut(got, "child\n")
	if !ok || ws != 0 {
		t.Fatalf("%q, %s", got, Describe(ws))
	}
	if strings.Contains(parent, "SigBlk:\t0000000000000000") || strings.Contains(parent, "SigIgn:\t0000000000000000") {
		t.Errorf("the parent should start dirty:\n%s", parent)
	}
	if want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"; sigLines(child) != want {
		t.Errorf("the child has\n%s", sigLines(child))
	}
}

func TestIgnoredSignals(t *testing.T) {
	s := newSpawner(t)
	spec := sh("kill -PIPE $$; kill -HUP $$; cat /proc/self/status")
	spec.Ignore = []unix.Signal{unix.SIGHUP, unix.SIGPIPE}
	got, ws := run(t, s, spec)
	if want := "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"; sigLines(got) != want || ws != 0 {
		t.Errorf("the child has\n%s and ended with %s", sigLines(got), Describe(ws))
	}
}

func TestW12EveryExitCode(t *testing.T) {
	s := newSpawner(t)
	for code := range 256 {
		p, err := s.Spawn(sh(fmt.Sprint("exit ", code)))
		check(t, err)
		seen := peekAt(t, p)
		if got, want := Describe(seen.Status), fmt.Sprint("exit ", code); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if ws := bury(t, p); ws != seen.Status {
			t.Errorf("wait4 says %#x, Peek %#x", ws, seen.Status)
		}
	}
}

// peekAt waits until p is dead and returns what Peek says; no other child is.
func peekAt(t *testing.T, p *Process) Exit {
	t.Helper()
	check(t, unix.Waitid(unix.P_PID, p.Ref().PID, nil, unix.WEXITED|unix.WNOWAIT, nil))
	e, ok, err := Peek()
	check(t, err)
	if !ok || e.PID != p.Ref().PID || e.Start != p.Ref().Start {
		t.Fatalf("Peek says %+v, %v; want %+v", e, ok, p.Ref())
	}
	return e
}

// harmless are the signals whose default action does not end a process (signal(7)).
var harmless = []unix.Signal{unix.SIGCHLD, unix.SIGCONT, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGURG, unix.SIGWINCH}

func TestW12EverySignal(t *testing.T) {
	s := newSpawner(t)
	dir := t.TempDir() // for core files
	for sig := unix.Signal(1); sig <= 64; sig++ {
		child := newIdler(t, s, func(spec *Spec) {
			spec.Dir = dir
			spec.Rlimits = []Rlimit{{unix.RLIMIT_CORE, 0, 0}}
		})
		check(t, child.Signal(sig))
		want := sig
		if slices.Contains(harmless, sig) {
			check(t, child.Signal(unix.SIGKILL))
			want = unix.SIGKILL
		}
		seen := peekAt(t, child.Process)
		name := SignalName(want)
		if seen.Status.Signal() != want || !strings.HasPrefix(Describe(seen.Status), "killed by "+name) {
			t.Errorf("%d: %s, want killed by %s", sig, Describe(seen.Status), name)
		}
		if ws := bury(t, child.Process); ws != seen.Status {
			t.Errorf("%d: wait4 says %#x, Peek %#x", sig, ws, seen.Status)
		}
	}
}

func TestDescribe(t *testing.T) {
	for ws, want := range map[unix.WaitStatus]string{
		0: "exit 0", 3 << 8: "exit 3", 255 << 8: "exit 255",
		9: "killed by SIGKILL", 11 | 0x80: "killed by SIGSEGV (core dumped)",
		32: "killed by signal 32", 34: "killed by SIGRTMIN", 37: "killed by SIGRTMIN+3", 64: "killed by SIGRTMIN+30",
		0x137f: "wait status 0x137f", // stopped: never asked for
	} {
		if got := Describe(ws); got != want {
			t.Errorf("%#x: %q, want %q", uint32(ws), got, want)
		}
	}
	for _, core := range []int32{3, 2} { // CLD_DUMPED, CLD_KILLED
		if ws := (&siginfo{code: core, status: 6}).waitStatus(); ws.Signal() != unix.SIGABRT || ws.CoreDump() != (core == 3) {
			t.Errorf("code %d: %#x", core, ws)
		}
	}
}

func TestSignalOfAProcessThatIsGone(t *testing.T) {
	s := newSpawner(t)
	p, err := s.Spawn(sh("exit 0"))
	check(t, err)
	buryPID(t, p.Ref().PID)
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "SIGTERM") {
		t.Error(err)
	}
	check(t, p.Close())
	check(t, p.Close())
	if err := p.Signal(unix.SIGTERM); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := Open(p.Ref().PID); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	for _, pid := range []int{0, -1} {
		if _, err := Open(pid); !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
		if _, err := Reap(pid); !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	}
}

func TestOpenTellsProcessesApart(t *testing.T) {
	s := newSpawner(t)
	child := newIdler(t, s, nil)
	p, err := OpenRef(child.Ref())
	check(t, err)
	if p.Ref() != child.Ref() || p.FD() < 0 {
		t.Errorf("%+v, descriptor %d", p.Ref(), p.FD())
	}
	check(t, p.Close())
	other := child.Ref()
	other.Start++
	if _, err := OpenRef(other); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if _, err := Reap(child.Ref().PID); err == nil || !strings.Contains(err.Error(), "it still runs") {
		t.Error(err)
	}
	child.finish(t)
}
