package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
)

// A Go program cannot fork, so --daemonize is:
//
//  1. The program starts itself, in a new session, with the write end of a pipe at
//     descriptor 3 and daemonMark in the environment, and reads from the pipe.
//  2. The child does what it would do in the foreground. Once everything is bound and
//     the pid file is there, it writes a byte; then the parent ends with 0.
//  3. When the pipe is closed without that byte, the child has failed and said why: the
//     parent ends with its exit code.

// daemonMark says that descriptor 3 is the pipe.
const daemonMark = "HERDER_DAEMON_PIPE"

// daemonPipe is our end of it; nil in the foreground.
var daemonPipe *os.File

func isDaemon() bool {
	if os.Getenv(daemonMark) != strconv.Itoa(os.Getppid()) {
		return false
	}
	_ = os.Unsetenv(daemonMark) // not for workers
	unix.CloseOnExec(3)
	daemonPipe = os.NewFile(3, "pipe to who started the daemon")
	return true
}

func daemonise() *exit {
	read, write, err := os.Pipe()
	if err != nil {
		return fail(exitSystem, "cannot make a pipe for the daemon: %v", err)
	}
	defer read.Close()
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), daemonMark+"="+strconv.Itoa(os.Getpid())),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, write},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	write.Close()
	if err != nil {
		return fail(exitSystem, "cannot start the daemon: %v", err)
	}
	if n, _ := io.ReadFull(read, make([]byte, 1)); n == 1 {
		return nil
	}
	state, err := child.Wait()
	switch {
	case err != nil:
		return fail(control.Failed, "cannot tell how the daemon ended: %v", err)
	case state.ExitCode() < 0:
		return fail(control.Failed, "the daemon did not come up: %v", state)
	}
	return &exit{code: state.ExitCode()} // it has said why
}

// exitSystem is EX_OSERR of sysexits(3).
const exitSystem = 71

// daemonBegun lets the parent go.
func daemonBegun() error {
	if daemonPipe == nil {
		return nil
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Dup3(null, 0, 0), unix.Close(null))
	}
	if err != nil {
		return fmt.Errorf("cannot let go of stdin: %w", err)
	}
	_, _ = daemonPipe.Write([]byte{1}) // who does not listen any more need not be told
	return daemonPipe.Close()
}
