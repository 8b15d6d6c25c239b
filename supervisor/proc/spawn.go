package proc

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// busyTries bounds the retries of an executable that is open for writing: the
// waits double from 1 ms, 63 ms in all. A deploy that is still copying is a
// matter of seconds and stays an error; a fork elsewhere that holds a copy of the
// writing descriptor until its own exec is a matter of microseconds (go.dev/issue/22315).
const busyTries = 7

// reaping keeps births and burials apart: see [Peek].
var reaping sync.Mutex

// Spawner starts processes from one OS thread that lives as long as it does.
type Spawner struct {
	work       chan request
	quit       chan struct{} // closed by Close
	gone       chan struct{} // closed when the thread is given back
	once       sync.Once
	null       int  // /dev/null
	closeRange bool // close_range(2) with CLOSE_RANGE_CLOEXEC (Linux 5.11)
	noPidfd    bool // clone(2) refused CLONE_PIDFD; owned by the thread
	pause      func(time.Duration)
}

type request struct {
	spec  *Spec
	reply chan<- answer
}

type answer struct {
	process *Process
	err     error
}

// NewSpawner starts the thread. The caller keeps the Spawner until the program
// ends, or until it closes it.
func NewSpawner() (*Spawner, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{Do: "open", What: os.DevNull, Err: err}
	}
	s := &Spawner{
		work: make(chan request), quit: make(chan struct{}), gone: make(chan struct{}),
		null: null, pause: time.Sleep,
		// A range without an open descriptor: changes nothing, and says whether the call is there.
		closeRange: unix.CloseRange(^uint(0)>>33, ^uint(0)>>33, unix.CLOSE_RANGE_CLOEXEC) == nil,
	}
	ready := make(chan error)
	go s.thread(ready)
	if err := <-ready; err != nil {
		return nil, errors.Join(&Error{Do: "clear the signal mask of", What: "the spawning thread", Err: err}, unix.Close(null))
	}
	return s, nil
}

// Spawn starts a process and returns when it has the new program's memory, or
// with the reason why it could not ([*Error]). The kernel may still be loading it: name,
// arguments and environment in /proc can be empty or old for a moment.
// It is safe for concurrent use; calls queue up.
func (s *Spawner) Spawn(spec Spec) (*Process, error) {
	reply := make(chan answer, 1)
	select {
	case s.work <- request{&spec, reply}:
		a := <-reply
		return a.process, a.err
	case <-s.quit:
		return nil, &Error{Do: "execute", What: spec.Path, Err: os.ErrClosed}
	}
}

// Close gives the thread back. Processes go on; but a DeathSignal may reach
// them from now on, since nothing keeps the thread alive.
func (s *Spawner) Close() error {
	var err error
	s.once.Do(func() {
		close(s.quit)
		<-s.gone
		err = unix.Close(s.null)
	})
	return err
}

// thread serves requests on one OS thread. It does not end that thread: it
// restores its mask and returns it to the runtime, which keeps idle threads.
func (s *Spawner) thread(ready chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.gone)
	var clear, old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &clear, &old); err != nil {
		ready <- err
		return
	}
	ready <- nil
	for {
		select {
		case r := <-s.work:
			p, err := s.spawn(r.spec)
			r.reply <- answer{p, err}
		case <-s.quit:
			_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) // the same call worked above
			return
		}
	}
}

// spawn tries until the executable is not busy, within bounds.
func (s *Spawner) spawn(spec *Spec) (*Process, error) {
	p, err := s.newPlan(spec)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		process, err := s.bear(spec, p)
		if !errors.Is(err, unix.ETXTBSY) || try == busyTries {
			return process, err
		}
		s.pause(time.Millisecond << (try - 1))
	}
}

// bear makes one child, and its Process before anybody can bury it.
func (s *Spawner) bear(spec *Spec, p *plan) (*Process, error) {
	reaping.Lock()
	defer reaping.Unlock()
	fd, fail := int32(-1), new(failure)
	pid := s.clone(p, &fd, fail)
	if pid < 0 {
		return nil, &Error{Do: "fork for", What: spec.Path, Err: syscall.Errno(-pid), Hint: hintFork(syscall.Errno(-pid))}
	}
	if fail.errno != 0 {
		if fd >= 0 {
			_ = unix.Close(int(fd)) // nothing to lose: it is a pidfd
		}
		_, _ = wait(pid, 0) // it has ended or is about to: the failure is written right before the exit
		return nil, explain(p.steps[fail.op], spec, syscall.Errno(fail.errno))
	}
	process := &Process{ref: Ref{PID: pid}, fd: int(fd)}
	if st, err := Proc.Stat(pid); err == nil {
		process.ref.Start = st.Start
	}
	return process, nil
}

// clone calls vforkExec with all signals blocked and leaves none blocked.
func (s *Spawner) clone(p *plan, fd *int32, fail *failure) int {
	const flags = unix.CLONE_VM | unix.CLONE_VFORK | uintptr(unix.SIGCHLD)
	dumpable := p.dumpable()
	all, none := ^uint64(0), uint64(0)
	setmask(&all)
	pid := -int(unix.EINVAL)
	if HavePidfd() && !s.noPidfd {
		pid = vforkExec(flags|unix.CLONE_PIDFD, fd, &p.ops[0], fail)
	}
	switch -pid {
	case int(unix.EINVAL), int(unix.EPERM), int(unix.ENOSYS):
		s.noPidfd = true // seccomp, or an emulated kernel, may know clone but not this flag
		pid = vforkExec(flags, fd, &p.ops[0], fail)
	}
	setmask(&none)
	if dumpable == 1 {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	}
	runtime.KeepAlive(p)
	return pid
}

// dumpable tells what to restore: a change of identity in a child that shares
// our memory makes that memory, so us, undumpable (PR_SET_DUMPABLE in prctl(2)). That
// protects the child until execve, and would take our /proc files and core dumps away for good.
func (p *plan) dumpable() int {
	if !p.creds {
		return -1
	}
	v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return -1
	}
	return v
}

// setmask sets the mask of this thread to a kernel sigset of 8 bytes.
func setmask(set *uint64) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(set)), 0, 8, 0, 0)
}

// pad replaces -1 by /dev/null and fills up to three, of which none is closed.
func (s *Spawner) pad(files []int) []int {
	out := make([]int, max(3, len(files)))
	for i := range out {
		out[i] = s.null
		if i < len(files) && (files[i] >= 0 || files[i] == Closed && i > 2) {
			out[i] = files[i]
		}
	}
	return out
}

// openFiles lists our open descriptors above 2.
func openFiles() []int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var fds []int
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			fds = append(fds, fd)
		}
	}
	return fds
}

func hintFork(err syscall.Errno) string {
	if err == unix.EAGAIN {
		return "the limit on processes is reached (ulimit -u, pids.max of the cgroup)"
	}
	return ""
}
