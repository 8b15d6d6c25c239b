package proc

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc/internal/birth"
)

// plan is the list of system calls a child makes, with all they point at.
// Nothing in it is allocated or changed once the child runs.
type plan struct {
	ops   []op
	steps []step           // steps[i] names ops[i] for the error message
	keep  []unsafe.Pointer // what the ops point at, for the garbage collector
	creds bool             // the child changes its identity
}

// step is "cannot <do> <what>".
type step struct{ do, what string }

const listenPID = "LISTEN_PID="

// newPlan orders the steps. Descriptors come before limits, because a low
// NOFILE would forbid the numbers we move; limits before identity, because raising
// one needs privilege; the directory after it, because the worker must be able
// to enter it; the death signal after it, because a change of identity clears it
// (prctl(2), PR_SET_PDEATHSIG); the mask last, so that no signal kills the child half-way.
func (s *Spawner) newPlan(spec *Spec) (*plan, error) {
	p := &plan{ops: make([]op, 0, 96), steps: make([]step, 0, 96)}
	p.signals(spec.Ignore)
	p.place(spec)
	p.files(s.pad(spec.Files), s.closeRange)
	p.limits(spec.Rlimits)
	p.identity(spec.User)
	if spec.Dir != "" {
		p.path("enter directory", spec.Dir, unix.SYS_CHDIR)
	}
	p.deathSignal(spec.DeathSignal)
	env := p.environ(spec)
	p.add(must, "clear the signal mask of", spec.Path, unix.SYS_RT_SIGPROCMASK,
		unix.SIG_SETMASK, p.hold(unsafe.Pointer(new(uint64))), 0, 8)
	return p, p.exec(spec, env)
}

// hold keeps what ptr points at alive, and on the heap, for the plan's life.
func (p *plan) hold(ptr unsafe.Pointer) uintptr {
	p.keep = append(p.keep, ptr)
	return uintptr(ptr)
}

func (p *plan) add(k kind, do, what string, nr uintptr, args ...uintptr) {
	o := op{nr: nr, kind: k}
	copy(o.args[:], args)
	p.ops = append(p.ops, o)
	p.steps = append(p.steps, step{do, what})
}

// path adds a call whose one argument is a path. A NUL inside cuts nothing off:
// exec checks every string.
func (p *plan) path(do, path string, nr uintptr) {
	p.add(must, do, path, nr, p.hold(unsafe.Pointer(cstring(path))))
}

// signals sets every signal to its default action, or to be ignored: execve keeps
// ignored ones ignored (signal(7)), and between unblocking and execve our handlers must
// not run.
func (p *plan) signals(ignore []unix.Signal) {
	usual := p.hold(unsafe.Pointer(new([4]uint64)))          // struct sigaction: SIG_DFL, no flags
	ignored := p.hold(unsafe.Pointer(&[4]uint64{sigIgnore})) // the handler comes first
	for sig := unix.Signal(1); sig <= 64; sig++ {
		action := usual
		if slices.Contains(ignore, sig) {
			action = ignored
		}
		if sig != unix.SIGKILL && sig != unix.SIGSTOP {
			p.add(may, "", "", unix.SYS_RT_SIGACTION, uintptr(sig), action, 0, 8)
		}
	}
}

// sigIgnore is SIG_IGN (asm-generic/signal-defs.h).
const sigIgnore = 1

// place sets session, group, umask and priority.
func (p *plan) place(spec *Spec) {
	if spec.Session {
		p.add(must, "start a session for", spec.Path, unix.SYS_SETSID)
	} else if spec.Group {
		p.add(must, "start a process group for", spec.Path, unix.SYS_SETPGID, 0, 0)
	}
	if spec.Umask >= 0 {
		p.add(may, "", "", unix.SYS_UMASK, uintptr(spec.Umask))
	}
	if spec.Nice != nil {
		p.add(must, "set nice value", fmt.Sprint(*spec.Nice), unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(*spec.Nice))
	}
}

// files moves the descriptors into place and lets no other one through.
// Ours are close-on-exec; close_range is for those we were started with. With
// it missing, they are listed.
func (p *plan) files(files []int, closeRange bool) {
	for _, m := range moves(files) {
		what := fmt.Sprintf("descriptor %d as %d", m.from, m.to)
		switch {
		case m.from == m.to:
			p.add(must, "pass", what, unix.SYS_FCNTL, uintptr(m.to), unix.F_SETFD, 0)
		case m.temp:
			p.add(must, "pass", what, unix.SYS_DUP3, uintptr(m.from), uintptr(m.to), unix.O_CLOEXEC)
		default:
			p.add(must, "pass", what, unix.SYS_DUP3, uintptr(m.from), uintptr(m.to), 0)
		}
	}
	if closeRange {
		for _, r := range gaps(files) {
			p.add(must, "close stray descriptors of", "the child", unix.SYS_CLOSE_RANGE, uintptr(r.first), uintptr(r.last), unix.CLOSE_RANGE_CLOEXEC)
		}
		return
	}
	for _, fd := range openFiles() {
		if fd >= len(files) || files[fd] == Closed {
			p.add(may, "", "", unix.SYS_FCNTL, uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		}
	}
}

// gap is a range of descriptors that the child does not have.
type gap struct{ first, last uint32 }

func gaps(files []int) []gap {
	var all []gap
	for i := 0; i < len(files); i++ {
		first := i
		for i < len(files) && files[i] == Closed {
			i++
		}
		if i > first {
			all = append(all, gap{uint32(first), uint32(i - 1)})
		}
	}
	return append(all, gap{uint32(len(files)), ^uint32(0)})
}

// limits sets the limits asked for, and undoes what package syscall did to the
// soft limit on open files: it set it to one below the hard limit (rlimit.go).
func (p *plan) limits(want []Rlimit) {
	var now unix.Rlimit
	soft, hard, ok := birth.Nofile()
	if ok && unix.Getrlimit(unix.RLIMIT_NOFILE, &now) == nil && now.Max == hard && now.Cur == hard-1 {
		p.limit(may, Rlimit{Resource: unix.RLIMIT_NOFILE, Soft: soft, Hard: hard})
	}
	for _, r := range want {
		p.limit(must, r)
	}
}

func (p *plan) limit(k kind, r Rlimit) {
	lim := &[2]uint64{r.Soft, r.Hard}
	p.add(k, "set limit", r.String(), unix.SYS_PRLIMIT64, 0, uintptr(r.Resource), p.hold(unsafe.Pointer(lim)), 0)
}

// identity takes the user's groups, gid and uid, in this order: without uid 0
// the first two are refused. Nothing is done where nothing changes, so that a
// herder without privilege may name its own user.
func (p *plan) identity(u *User) {
	if u == nil || u.current() {
		return
	}
	p.creds = true
	groups := make([]uint32, 1, len(u.Groups)+1)
	groups = append(groups, u.Groups...)[1:]
	list := uintptr(0)
	if len(groups) > 0 {
		list = p.hold(unsafe.Pointer(&groups[0]))
	}
	g, id := uintptr(u.GID), uintptr(u.UID)
	p.add(must, "take the groups of user", u.String(), unix.SYS_SETGROUPS, uintptr(len(groups)), list)
	p.add(must, "take the group of user", u.String(), unix.SYS_SETRESGID, g, g, g)
	p.add(must, "become user", u.String(), unix.SYS_SETRESUID, id, id, id)
}

// deathSignal asks for a signal when the spawning thread dies. If that happened
// before the call, no signal would ever come: the parent is compared.
func (p *plan) deathSignal(sig unix.Signal) {
	if sig == 0 {
		return
	}
	p.add(must, "set the death signal of", "the child", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(sig))
	p.add(equal, "outlive", "the parent", unix.SYS_GETPPID, 0, 0, 0, 0, 0, uintptr(os.Getpid()))
}

// environ returns the child's environment. The digits of LISTEN_PID are
// unpadded: readers are strict (sd_listen_fds(3) parses a plain decimal).
func (p *plan) environ(spec *Spec) []*byte {
	env := make([]*byte, 0, len(spec.Env)+2)
	for _, kv := range spec.Env {
		if !spec.ListenPID || !strings.HasPrefix(kv, listenPID) {
			env = append(env, cstring(kv))
		}
	}
	if spec.ListenPID {
		b := new([64]byte) // "LISTEN_PID=", digits, NUL | scratch, NUL
		copy(b[:], listenPID)
		digits, end := p.hold(unsafe.Pointer(&b[len(listenPID)])), p.hold(unsafe.Pointer(&b[len(b)-1]))
		p.add(decimal, "", "", unix.SYS_GETPID, 0, 0, 0, 0, digits, end)
		env = append(env, &b[0])
	}
	return append(env, nil)
}

func (p *plan) exec(spec *Spec, env []*byte) error {
	argv := spec.Argv
	if len(argv) == 0 {
		argv = []string{spec.Path}
	}
	for _, s := range append(append([]string{spec.Path, spec.Dir}, argv...), spec.Env...) {
		if strings.IndexByte(s, 0) >= 0 {
			return &Error{Do: "execute", What: spec.Path, Err: fmt.Errorf("%.40q holds a NUL byte: %w", s, unix.EINVAL)}
		}
	}
	ptrs := make([]*byte, 0, len(argv)+1)
	for _, a := range argv {
		ptrs = append(ptrs, cstring(a))
	}
	ptrs = append(ptrs, nil)
	p.add(must, "execute", spec.Path, unix.SYS_EXECVE, p.hold(unsafe.Pointer(cstring(spec.Path))),
		p.hold(unsafe.Pointer(&ptrs[0])), p.hold(unsafe.Pointer(&env[0])))
	return nil
}

// cstring returns s with a NUL behind it.
func cstring(s string) *byte {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}
