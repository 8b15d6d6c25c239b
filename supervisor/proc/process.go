package proc

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Process is a process we hold: its Ref and, where the kernel has them, a pidfd.
// Its methods are safe for concurrent use.
type Process struct {
	ref    Ref
	mu     sync.Mutex // a signal must not go to a descriptor number that Close has freed
	fd     int        // -1: none
	closed bool
}

// Open takes hold of any running process. [ErrGone] when there is none with this pid.
func Open(pid int) (*Process, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("cannot open process %d: %w", pid, unix.EINVAL)
	}
	p := &Process{ref: Ref{PID: pid}, fd: -1}
	if HavePidfd() {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return nil, fmt.Errorf("cannot open process %d: %w", pid, gone(err))
		}
		p.fd = fd
	}
	st, err := Proc.Stat(pid)
	if err == nil {
		p.ref.Start = st.Start
		// The pid may have become another's between the two calls: still there
		// by pidfd means that the start time is that of the pidfd's process.
		if err = p.Signal(0); errors.Is(err, unix.EPERM) {
			err = nil // alive, and not ours to signal
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open process %d: %w", pid, err), p.Close())
	}
	return p, nil
}

// OpenRef takes hold of exactly that process; [ErrGone] when its pid is another's.
func OpenRef(ref Ref) (*Process, error) {
	p, err := Open(ref.PID)
	if err != nil {
		return nil, err
	}
	if p.ref != ref {
		return nil, errors.Join(fmt.Errorf("cannot open process %d: %w", ref.PID, ErrGone), p.Close())
	}
	return p, nil
}

// Ref names the process.
func (p *Process) Ref() Ref { return p.ref }

// FD is the pidfd, readable (poll) once the process has ended; -1 when there is none.
func (p *Process) FD() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fd
}

// Signal sends sig; 0 only asks. [ErrGone] when the process is buried; a zombie
// takes signals without effect. Never reaches another process.
func (p *Process) Signal(sig unix.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.signal(sig)
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot send %s to process %d: %w", SignalName(sig), p.ref.PID, gone(err))
}

func (p *Process) signal(sig unix.Signal) error {
	switch {
	case p.closed:
		return os.ErrClosed
	case p.fd >= 0:
		return unix.PidfdSendSignal(p.fd, sig, nil, 0)
	}
	// Without pidfd the pid could be reused between look and kill; for a child of
	// ours it cannot, before we bury it.
	st, err := Proc.Stat(p.ref.PID)
	if err != nil {
		return err
	}
	if st.Start != p.ref.Start {
		return ErrGone
	}
	return unix.Kill(p.ref.PID, sig)
}

// Close lets go of the process; the process itself is not touched.
func (p *Process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fd := p.fd
	p.fd, p.closed = -1, true
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// gone turns the kernel's ways to say "no such process" into ErrGone.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
		return ErrGone
	}
	return err
}
