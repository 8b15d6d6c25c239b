package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/leaktest"
)

// patience bounds every wait of the tests: a failure, not a pace.
const patience = 60 * time.Second

// helperKey makes the test binary a helper process, by name.
const helperKey = "HERDER_PROC_HELPER"

// helpers are filled in by init functions beside the tests that use them.
var helpers = map[string]func() error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperKey); name != "" {
		if err := helpers[name](); err != nil {
			fmt.Println("helper", name+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := Subreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(leaktest.Run(m))
}

func newSpawner(t testing.TB) *Spawner {
	t.Helper()
	s, err := NewSpawner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sh is a Spec for a shell script with our stderr.
func sh(script string, files ...int) Spec {
	return Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}, Umask: -1, Files: append([]int{-1, -1, 2}, files...)}
}

// self is a Spec for a helper of this test binary.
func self(name string, files ...int) Spec {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Spec{Path: exe, Env: helperEnv(name), Umask: -1, Files: append([]int{-1, -1, 2}, files...)}
}

// helperEnv names a helper; the race detector must not wait a second at each exit.
func helperEnv(name string) []string {
	return []string{helperKey + "=" + name, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
}

// bury waits for this child to end and reaps it, through Peek when it is the
// first dead one.
func bury(t testing.TB, p *Process) unix.WaitStatus {
	t.Helper()
	ws := buryPID(t, p.Ref().PID)
	check(t, p.Close())
	return ws
}

func buryPID(t testing.TB, pid int) unix.WaitStatus {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		st, err := Proc.Stat(pid)
		check(t, err)
		if st.Dead() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d does not end: %+v", pid, st)
		}
		waitReadable(pid)
	}
	ws, err := Reap(pid)
	check(t, err)
	return ws
}

// waitReadable sleeps until the process ends, where there are pidfds.
func waitReadable(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
}

// run spawns spec with its stdout into a pipe and returns what it wrote, and
// how it ended.
func run(t testing.TB, s *Spawner, spec Spec) (string, unix.WaitStatus) {
	t.Helper()
	r, w := pipe(t)
	spec.Files = slices.Clone(spec.Files)
	spec.Files[1] = w.fd
	p, err := s.Spawn(spec)
	check(t, err)
	w.close()
	out := r.readAll()
	return out, bury(t, p)
}

// end is one end of a pipe, as a bare descriptor: os.File.Fd would change its mode.
type end struct {
	t  testing.TB
	fd int
}

func pipe(t testing.TB) (r, w *end) {
	t.Helper()
	var fds [2]int
	check(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	r, w = &end{t, fds[0]}, &end{t, fds[1]}
	t.Cleanup(func() { r.close(); w.close() })
	return r, w
}

func (e *end) close() {
	if e.fd >= 0 {
		check(e.t, unix.Close(e.fd))
		e.fd = -1
	}
}

func (e *end) readAll() string {
	e.t.Helper()
	b, err := io.ReadAll(e)
	check(e.t, err)
	return string(b)
}

// Read waits at most for patience.
func (e *end) Read(b []byte) (int, error) {
	poll := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, int(patience.Milliseconds()))
		if err == nil && n == 0 {
			return 0, os.ErrDeadlineExceeded
		}
		if err == nil {
			n, err = unix.Read(e.fd, b)
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (e *end) write(s string) {
	e.t.Helper()
	_, err := unix.Write(e.fd, []byte(s))
	check(e.t, err)
}

// line reads up to a newline and drops it.
func (e *end) line() string {
	e.t.Helper()
	var out, b []byte = nil, []byte{0}
	for {
		_, err := io.ReadFull(e, b)
		check(e.t, err)
		if b[0] == '\n' {
			return string(out)
		}
		out = append(out, b[0])
	}
}

// idler is a child that runs until its stdin closes or a signal ends it. It has
// answered once, so its loader is done.
type idler struct {
	*Process
	in, out *end
}

func newIdler(t testing.TB, s *Spawner, change func(*Spec)) *idler {
	t.Helper()
	inR, in := pipe(t)
	out, outW := pipe(t)
	spec := Spec{Path: "/bin/cat", Umask: -1, Files: []int{inR.fd, outW.fd, 2}}
	if change != nil {
		change(&spec)
	}
	p, err := s.Spawn(spec)
	check(t, err)
	inR.close()
	outW.close()
	in.write("up\n")
	if got := out.line(); got != "up" {
		t.Fatalf("cat says %q", got)
	}
	return &idler{p, in, out}
}

// finish lets it go by itself.
func (i *idler) finish(t testing.TB) unix.WaitStatus {
	t.Helper()
	i.in.close()
	return bury(t, i.Process)
}

func writeFile(t testing.TB, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, []byte(content), mode))
	check(t, os.Chmod(path, mode))
	return path
}
