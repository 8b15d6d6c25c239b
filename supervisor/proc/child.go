package proc

// op is one system call of the child. The layout is known to child_*.s: eight
// words, so that the walk is an addition of 64.
type op struct {
	nr   uintptr
	args [6]uintptr
	kind kind
}

// kind says what the child does with the result.
type kind uintptr

const (
	// may: a failure is ignored.
	may kind = iota
	// must: a failure ends the child and is reported.
	must
	// decimal: the result is written in decimal, ended by NUL, to args[4].
	// args[5] is the end of 20 bytes of scratch; the byte it points at is NUL.
	// For getpid only, which looks at no argument.
	decimal
	// equal: a result other than args[5] ends the child and is reported.
	equal
)

// failure is what the child leaves behind when it ends before execve.
type failure struct {
	op    uintptr // index of the op
	errno uintptr // 0: no failure
}

// vforkExec clones a child that walks ops, the last of which is execve, and
// returns its pid, or a negated errno, once the child has called execve or has
// ended. The caller has all signals blocked on this thread: the child would run
// our handlers on our memory.
//
// Nothing in the child touches a stack, so it has none of its own (NULL keeps the
// parent's pointer, clone(2)), and the parent's frame is whole when it resumes.
func vforkExec(flags uintptr, pidfd *int32, ops *op, fail *failure) (pid int)
