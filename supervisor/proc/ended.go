package proc

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// endPoll is how often a process is looked at where the kernel has no pidfd to
// wait on (before Linux 5.3).
const endPoll = 100 * time.Millisecond

// Ended calls then, once, beside the caller, when the process has ended, be it
// buried or still a zombie. It may be any process, not only a child: waiting for a
// child's status is the reaper's (see [Peek]). The returned function ends the wait;
// then is not called after it has returned, unless it runs already.
func (p *Process) Ended(then func()) (stop func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, os.ErrClosed
	case p.fd < 0:
		return p.pollEnd(then), nil
	}
	// A description of our own would be better than a copy of the number, but a
	// pidfd's flags do no harm to anybody: it is never read.
	fd, err := unix.FcntlInt(uintptr(p.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "pidfd") // nonblocking: waits in the runtime's poller
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	go func() {
		defer file.Close()
		if raw.Read(readable) == nil {
			then()
		}
	}()
	return func() { file.Close() }, nil
}

func readable(fd uintptr) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

func (p *Process) pollEnd(then func()) (stop func()) {
	over := make(chan struct{})
	tick := time.NewTicker(endPoll)
	go func() {
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			st, err := Proc.Stat(p.ref.PID)
			if errors.Is(err, ErrGone) || err == nil && (st.Ref() != p.ref || st.Dead()) {
				then()
				return
			}
		}
	}()
	var once bool
	return func() {
		if !once {
			once = true
			close(over)
		}
	}
}
