package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestListenPIDIsTheChilds(t *testing.T) {
	s := newSpawner(t)
	spec := sh(`test "$LISTEN_PID" = $$ && test "$(tr '\0' '\n' < /proc/$$/environ | grep -c ^LISTEN_PID=)" = 1 && exit 7`)
	spec.Env = append(spec.Env, "LISTEN_PID=1")
	spec.ListenPID = true
	quick := sh(`test "$LISTEN_PID" = $$ && exit 7`)
	quick.ListenPID = true
	for i := range 200 {
		if i == 1 {
			spec = quick
		}
		p, err := s.Spawn(spec)
		check(t, err)
		if got := Describe(bury(t, p)); got != "exit 7" {
			t.Fatalf("spawn %d: %s: LISTEN_PID was not the child's own pid, once", i, got)
		}
	}
}

// The child must not run Go code: many spawns while the collector and other
// goroutines work.
func TestSpawnWhileTheHeapIsBusy(t *testing.T) {
	s := newSpawner(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			var sink [][]byte
			for {
				select {
				case <-stop:
					return
				default:
					if sink = append(sink, make([]byte, 10_000)); len(sink) > 100 {
						sink = nil
						runtime.GC()
					}
				}
			}
		})
	}
	for range 50 {
		out, ws := run(t, s, sh("echo $0 $1"))
		if out != "sh\n" || ws != 0 {
			t.Errorf("got %q, %s", out, Describe(ws))
		}
	}
	close(stop)
	wg.Wait()
}

func TestSpawnIsSafeForConcurrentUse(t *testing.T) {
	s := newSpawner(t)
	var wg sync.WaitGroup
	ps := make([]*Process, 40)
	for i := range ps {
		wg.Go(func() {
			p, err := s.Spawn(sh(fmt.Sprintf("exit %d", i)))
			if err != nil {
				t.Error(err)
			}
			ps[i] = p
		})
	}
	wg.Wait()
	for i, p := range ps {
		if ws := bury(t, p); ws.ExitStatus() != i {
			t.Errorf("process %d: %s", i, Describe(ws))
		}
	}
}

func TestSpawnAfterClose(t *testing.T) {
	s := newSpawner(t)
	check(t, s.Close())
	if _, err := s.Spawn(sh("true")); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestB1BadExecutable(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	elf, err := os.ReadFile("/bin/true")
	check(t, err)
	foreign := strings.Clone(string(elf))
	foreign = foreign[:18] + "\x02\x00" + foreign[20:] // SPARC
	loader := head(elf).interpreter()
	if loader == "" {
		t.Fatal("/bin/true names no loader")
	}
	noLoader := strings.Replace(string(elf), loader, "/nope"+strings.Repeat("e", len(loader)-5), 1)
	cases := []struct {
		path string
		is   error
		code int
		says string
	}{
		{filepath.Join(dir, "none"), ErrMissing, 127, "no such file"},
		{filepath.Join(dir, "none/below"), ErrMissing, 127, "no such file"},
		{file("plain", "#!/bin/sh\n", 0o644), ErrNotExecutable, 126, "chmod +x it"},
		{dir, ErrDirectory, 126, "is a directory"},
		{os.DevNull, ErrNotExecutable, 126, "not a regular file"},
		{file("four", "\x7fELF", 0o755), ErrFormat, 126, "another machine"},
		{file("cut", string(elf[:100]), 0o755), ErrFormat, 126, "cut short"},
		{file("empty", "", 0o755), ErrFormat, 126, "empty"},
		{file("text", "echo hello\n", 0o755), ErrFormat, 126, "without a #! line"},
		{file("noise", "\x00\x01\x02", 0o755), ErrFormat, 126, "neither an ELF file"},
		{file("foreign", foreign, 0o755), ErrFormat, 126, "built for another machine (ELF machine 2"},
		{file("nope", "#! /nope/python -u\n", 0o755), ErrInterpreter, 126, "interpreter /nope/python is missing"},
		{file("windows", "#!/bin/sh\r\n", 0o755), ErrInterpreter, 126, `interpreter /bin/sh\r is missing; the file has Windows line ends`},
		{file("loader", noLoader, 0o755), ErrInterpreter, 126, "interpreter /nopee"},
		{file("xinterp", "#!"+filepath.Join(dir, "plain")+"\n", 0o755), ErrInterpreter, 126, "is not executable"},
	}
	s := newSpawner(t)
	for _, c := range cases {
		p, err := s.Spawn(Spec{Path: c.path, Umask: -1})
		if err == nil {
			t.Fatalf("%s: runs, %s", c.path, Describe(bury(t, p)))
		}
		if !errors.Is(err, c.is) || ExitCode(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: code %d, %v; want code %d, %v, %q", c.path, ExitCode(err), err, c.code, c.is, c.says)
		}
	}
	if e, ok, err := Peek(); ok || err != nil {
		t.Errorf("a child that never was is seen: %+v %v", e, err)
	}
}

func TestSpawnSaysWhichStepFailed(t *testing.T) {
	nice := -30
	cases := map[string]Spec{
		"cannot enter directory /nope: no such file or directory":      {Dir: "/nope"},
		"cannot pass descriptor 999 as 0: bad file descriptor":         {Files: []int{999}},
		"cannot set limit resource 99=1:unlimited: invalid argument":   {Rlimits: []Rlimit{{99, 1, Unlimited}}},
		"cannot set limit NOFILE=9:8: invalid argument":                {Rlimits: []Rlimit{{unix.RLIMIT_NOFILE, 9, 8}}},
		"cannot set the death signal of the child: invalid argument":   {DeathSignal: 99},
		`cannot execute /bin/true: "a\x00b" holds a NUL byte: invalid`: {Argv: []string{"a\x00b"}},
	}
	s := newSpawner(t)
	for want, spec := range cases {
		spec.Path, spec.Umask = "/bin/true", -1
		p, err := s.Spawn(spec)
		if err == nil {
			t.Fatalf("%s: runs, %s", want, Describe(bury(t, p)))
		}
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	// nice clamps, as setpriority(2) says.
	spec := sh("nice")
	spec.Nice = &nice
	if out, _ := run(t, s, spec); os.Geteuid() == 0 && out != "-20\n" {
		t.Errorf("nice %d became %q", nice, out)
	}
}

func TestU10BusyExecutable(t *testing.T) {
	b, err := os.ReadFile("/bin/true")
	check(t, err)
	path := writeFile(t, "busy", string(b), 0o755)
	s := newSpawner(t)
	var waited time.Duration
	tries := 0
	s.pause = func(d time.Duration) { waited += d; tries++ }

	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = s.Spawn(Spec{Path: path, Umask: -1})
	if !errors.Is(err, ErrBusy) || !errors.Is(err, unix.ETXTBSY) || ExitCode(err) != 126 || !strings.Contains(err.Error(), "rename it into place") {
		t.Errorf("got %v", err)
	}
	if tries != busyTries-1 || waited > 100*time.Millisecond {
		t.Errorf("tried %d times in %v", tries, waited)
	}

	s.pause = func(time.Duration) { check(t, w.Close()) } // the copy is complete
	p, err := s.Spawn(Spec{Path: path, Umask: -1})
	check(t, err)
	if ws := bury(t, p); ws != 0 {
		t.Error(Describe(ws))
	}
}

// Trap 1: os/exec would have made the listener blocking, for all who hold it.
func TestTrap1NonblockSurvives(t *testing.T) {
	s := newSpawner(t)
	for _, nonblock := range []int{0, unix.O_NONBLOCK} {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		check(t, err)
		check(t, unix.SetNonblock(fd, nonblock != 0))
		before, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		check(t, err)
		out, _ := run(t, s, sh("grep ^flags /proc/self/fdinfo/3", fd))
		after, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		check(t, err)
		cloexec, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		check(t, err)
		if before != after || after&unix.O_NONBLOCK != nonblock || cloexec != unix.FD_CLOEXEC {
			t.Errorf("flags %o before, %o after the spawn, close-on-exec %d", before, after, cloexec)
		}
		if want := fmt.Sprintf("flags:\t%02o\n", after); out != want && !strings.HasSuffix(out, fmt.Sprintf("%o\n", after)) {
			t.Errorf("the child has %q, want %q", out, want)
		}
		check(t, unix.Close(fd))
	}
}

// Trap 5: PDEATHSIG comes when the thread that spawned ends.
func TestTrap5DeathSignalSurvivesGoroutineChurn(t *testing.T) {
	s := newSpawner(t)
	child := newIdler(t, s, func(spec *Spec) { spec.DeathSignal = unix.SIGKILL })
	for range 200 {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			close(done)
		}()
		<-done
	}
	runtime.GC()
	child.in.write("still\n")
	if got := child.out.line(); got != "still" {
		t.Errorf("the child says %q", got)
	}
	if ws := child.finish(t); ws != 0 {
		t.Errorf("the child: %s", Describe(ws))
	}
}

func init() {
	// A parent of one child with a death signal; waits to be killed.
	helpers["parent"] = func() error {
		s, err := NewSpawner()
		if err != nil {
			return err
		}
		p, err := s.Spawn(Spec{Path: "/bin/cat", Umask: -1, Files: []int{3, -1, 2}, DeathSignal: unix.SIGTERM})
		if err != nil {
			return err
		}
		fmt.Println(p.Ref().PID)
		return unix.Pause()
	}
}

func TestDeathSignalComesWhenTheParentDies(t *testing.T) {
	s := newSpawner(t)
	never, hold := pipe(t)
	out, w := pipe(t)
	spec := self("parent", never.fd)
	spec.Files[1] = w.fd
	parent, err := s.Spawn(spec)
	check(t, err)
	var pid int
	_, err = fmt.Sscan(out.line(), &pid)
	check(t, err)
	check(t, parent.Signal(unix.SIGKILL))
	bury(t, parent)
	if got := Describe(buryPID(t, pid)); got != "killed by SIGTERM" { // an orphan: ours to bury
		t.Error(got)
	}
	hold.close()
}

// The rule of /proc/PID/limits: package syscall raised our own soft limit.
func TestOpenFilesLimitIsTheOneWeWereBornWith(t *testing.T) {
	s := newSpawner(t)
	const script = "ulimit -Sn 100; ulimit -Hn 300; exec \"$0\""
	exe, err := os.Executable()
	check(t, err)
	out, ws := run(t, s, Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", script, exe}, Umask: -1,
		Env: helperEnv("limits"), Files: []int{-1, -1, 2}})
	if out != "ours 299 300\nchild 100 300\n" || ws != 0 {
		t.Errorf("got %q, %s", out, Describe(ws))
	}
}

func init() {
	helpers["limits"] = func() error {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			return err
		}
		fmt.Println("ours", l.Cur, l.Max)
		return foreground(Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo child $(ulimit -Sn) $(ulimit -Hn)"}, Env: os.Environ(), Umask: -1, Files: []int{0, 1, 2}})
	}
}

// foreground spawns in a helper and waits.
func foreground(spec Spec) error {
	s, err := NewSpawner()
	if err != nil {
		return err
	}
	defer s.Close()
	p, err := s.Spawn(spec)
	if err != nil {
		return err
	}
	defer p.Close()
	ws, err := wait(p.Ref().PID, 0)
	if err == nil && ws != 0 {
		err = errors.New(Describe(ws))
	}
	return err
}
