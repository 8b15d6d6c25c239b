package proc

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exit is a child that has ended.
type Exit struct {
	PID    int
	Start  uint64 // 0 when unknown
	Status unix.WaitStatus
}

// Subreaper makes orphans among our descendants our children, so that their
// exits are waited for (PR_SET_CHILD_SUBREAPER in prctl(2); kept over execve).
func Subreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become the reaper of orphaned processes: %w", err)
	}
	return nil
}

// siginfo is siginfo_t as waitid(2) fills it (asm-generic/siginfo.h, 64 bit).
type siginfo struct {
	signo, errno, code, _ int32
	pid                   int32
	uid                   uint32
	status                int32
	_                     [100]byte
}

// The values of si_code for SIGCHLD (sigaction(2)).
const (
	cldExited = 1
	cldDumped = 3
)

// Peek returns a dead child that is not yet buried, or false when there is none.
// It is the same one until [Reap]. Never blocks longer than a Spawn under way: a
// child is shown only after its [Process] exists.
func Peek() (Exit, bool, error) {
	reaping.Lock()
	defer reaping.Unlock()
	info, err := waitid()
	if errors.Is(err, unix.ECHILD) || err == nil && info.pid == 0 {
		return Exit{}, false, nil
	}
	if err != nil {
		return Exit{}, false, fmt.Errorf("cannot look for dead children: %w", err)
	}
	e := Exit{PID: int(info.pid), Status: info.waitStatus()}
	if st, err := Proc.Stat(e.PID); err == nil {
		e.Start = st.Start
	}
	return e, true, nil
}

func waitid() (*siginfo, error) {
	info := new(siginfo)
	for {
		err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return info, err
		}
	}
}

// waitStatus packs what waitid says the way wait4(2) does.
func (i *siginfo) waitStatus() unix.WaitStatus {
	switch i.code {
	case cldExited:
		return unix.WaitStatus(i.status&0xff) << 8
	case cldDumped:
		return unix.WaitStatus(i.status) | 0x80
	}
	return unix.WaitStatus(i.status)
}

// Reap buries exactly this child, which [Peek] has shown. It does not wait for
// one that still runs.
func Reap(pid int) (unix.WaitStatus, error) {
	reaping.Lock()
	defer reaping.Unlock()
	ws, err := wait(pid, unix.WNOHANG)
	if err != nil {
		return 0, fmt.Errorf("cannot reap process %d: %w", pid, err)
	}
	return ws, nil
}

func wait(pid, options int) (unix.WaitStatus, error) {
	if pid <= 0 {
		return 0, unix.EINVAL // wait4 would take any child, or any of a group
	}
	var ws unix.WaitStatus
	for {
		got, err := unix.Wait4(pid, &ws, options, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, os.NewSyscallError("wait4", err)
		case got == 0:
			return 0, errors.New("it still runs")
		}
		return ws, nil
	}
}

// Describe says how a process ended: "exit 3", "killed by SIGKILL",
// "killed by SIGSEGV (core dumped)".
func Describe(ws unix.WaitStatus) string {
	switch {
	case ws.Exited():
		return fmt.Sprintf("exit %d", ws.ExitStatus())
	case ws.Signaled() && ws.CoreDump():
		return fmt.Sprintf("killed by %s (core dumped)", SignalName(ws.Signal()))
	case ws.Signaled():
		return "killed by " + SignalName(ws.Signal())
	}
	return fmt.Sprintf("wait status %#x", uint32(ws))
}

// sigRTMin is the first real-time signal for programs: the C library keeps 32
// and 33 (signal(7)).
const sigRTMin, sigRTMax = 34, 64

// SignalName is "SIGTERM", "SIGRTMIN+3", or "signal 32" for one without a name.
func SignalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	switch {
	case sig == sigRTMin:
		return "SIGRTMIN"
	case sig > sigRTMin && sig <= sigRTMax:
		return fmt.Sprintf("SIGRTMIN+%d", int(sig)-sigRTMin)
	}
	return fmt.Sprintf("signal %d", int(sig))
}
