package proc

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Ref names one process for all time: pids come round again, a pid with its
// start time does not.
type Ref struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot, field 22 of /proc/PID/stat
}

// String gives the pid, which is what a log wants.
func (r Ref) String() string { return fmt.Sprint(r.PID) }

// ErrGone says that the process has ended and been buried, or that its pid is
// another's now.
var ErrGone = errors.New("no such process any more")

// HavePidfd tells whether the kernel gives us pidfds and takes signals by them
// (Linux 5.3; seccomp filters and emulated kernels may deny either).
func HavePidfd() bool { return havePidfd() }

var havePidfd = sync.OnceValue(func() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.PidfdSendSignal(fd, 0, nil, 0) == nil
})
