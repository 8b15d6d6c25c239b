package proc

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (linux/seccomp.h): the number, and the low
// half of the first argument.
const (
	seccompNr   = 0
	seccompArg0 = 16
)

// deny answers the calls with errno.
func deny(errno unix.Errno, nrs ...uint32) []unix.SockFilter {
	f := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompNr}}
	for _, nr := range nrs {
		f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1}, answerErrno(errno))
	}
	return f
}

// denyClone answers clone with errno when a bit of its flags is as said.
func denyClone(errno unix.Errno, bit uint32, set bool) []unix.SockFilter {
	test := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: bit, Jf: 1}
	if !set {
		test.Jt, test.Jf = 1, 0
	}
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompNr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: seccompArg0},
		test,
		answerErrno(errno),
	}
}

func answerErrno(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

// become installs the filter on this thread and executes this binary as another helper.
func become(helper string, filter []unix.SockFilter) error {
	runtime.LockOSThread()
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(os.Args[0], os.Args, helperEnv(helper))
}

func init() {
	helpers["nopidfd"] = func() error {
		return become("old kernel", deny(unix.ENOSYS, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_CLONE3, unix.SYS_CLOSE_RANGE))
	}
	helpers["noflag"] = func() error {
		return become("old kernel", denyClone(unix.EINVAL, unix.CLONE_PIDFD, true))
	}
	helpers["nofork"] = func() error {
		return become("forkless", append(denyClone(unix.EAGAIN, unix.CLONE_THREAD, false), deny(unix.ENOSYS, unix.SYS_CLONE3)...))
	}
	helpers["old kernel"] = oldKernel
	helpers["forkless"] = forkless
}

// oldKernel does without what it lacks, and prints what it found.
func oldKernel() error {
	s, err := NewSpawner()
	if err != nil {
		return err
	}
	var fds [2]int
	if err := errors.Join(unix.Pipe(fds[:])); err != nil { // strays: not close-on-exec
		return err
	}
	p, err := s.Spawn(Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", `test "$LISTEN_PID" = $$ || exit 1; for f in /proc/$$/fd/*; do test -e "$f" && echo "${f##*/}"; done; read x`},
		ListenPID: true, Umask: -1, Files: []int{fds[0], 1, 2}})
	if err != nil {
		return err
	}
	fmt.Println("pidfd", HavePidfd(), p.FD() >= 0, "close_range", s.closeRange)
	other := &Process{ref: Ref{p.Ref().PID, p.Ref().Start + 1}, fd: -1}
	fmt.Println("another's pid:", errors.Is(other.Signal(unix.SIGKILL), ErrGone))
	q, err := OpenRef(p.Ref())
	if err != nil {
		return err
	}
	if _, err := unix.Write(fds[1], []byte("\n")); err != nil { // all is printed once read returns
		return err
	}
	err = unix.Waitid(unix.P_PID, p.Ref().PID, nil, unix.WEXITED|unix.WNOWAIT, nil)
	fmt.Println("asked:", q.Signal(0), err)
	ws, err := Reap(p.Ref().PID)
	fmt.Println(Describe(ws), err, errors.Is(q.Signal(0), ErrGone))
	_, err = Open(p.Ref().PID)
	fmt.Println("gone:", errors.Is(err, ErrGone))
	return killedWithoutPidfd(s, fds[0])
}

func killedWithoutPidfd(s *Spawner, in int) error {
	p, err := s.Spawn(Spec{Path: "/bin/cat", Umask: -1, Files: []int{in, 1, 2}})
	if err != nil {
		return err
	}
	if err := p.Signal(unix.SIGUSR1); err != nil {
		return err
	}
	ws, err := wait(p.Ref().PID, 0)
	fmt.Println(Describe(ws))
	return err
}

func TestB17KernelWithoutPidfd(t *testing.T) {
	s := newSpawner(t)
	for helper, first := range map[string]string{
		"nopidfd": "pidfd false false close_range false",
		"noflag":  "pidfd true false close_range true",
	} {
		got, ws := run(t, s, self(helper))
		// The shell's descriptors and our lines come in no fixed order.
		want := []string{first, "0", "1", "2", "another's pid: true", "asked: <nil> <nil>", "exit 0 <nil> true", "gone: true", "killed by SIGUSR1"}
		for _, line := range want {
			if !strings.Contains("\n"+got, "\n"+line+"\n") {
				t.Errorf("%s: no line %q", helper, line)
			}
		}
		if lines := strings.Count(got, "\n"); lines != len(want) || ws != 0 {
			t.Errorf("%s: %s, %d lines, want %d\n%s", helper, Describe(ws), lines, len(want), got)
		}
	}
}

// forkless cannot fork, and must live on.
func forkless() error {
	s, err := NewSpawner()
	if err != nil {
		return err
	}
	for range 3 {
		_, err = s.Spawn(Spec{Path: "/bin/true", Umask: -1})
		fmt.Println(err, errors.Is(err, unix.EAGAIN))
	}
	return s.Close()
}

func TestB8ForkFails(t *testing.T) {
	s := newSpawner(t)
	got, ws := run(t, s, self("nofork"))
	want := strings.Repeat("cannot fork for /bin/true: resource temporarily unavailable; the limit on processes is reached (ulimit -u, pids.max of the cgroup) true\n", 3)
	if got != want || ws != 0 {
		t.Errorf("%s\ngot  %swant %s", Describe(ws), got, want)
	}
}
