package proc

import (
	"errors"
	"fmt"
)

// Why an executable cannot be found or started, where a caller may want to know.
var (
	ErrMissing       = errors.New("no such file")
	ErrNotExecutable = errors.New("not executable")
	ErrDirectory     = errors.New("is a directory")
	ErrFormat        = errors.New("not in a format this machine can run")
	ErrInterpreter   = errors.New("its interpreter is missing")
	ErrBusy          = errors.New("open for writing by another process")
)

// Error is a step towards a running process that failed.
type Error struct {
	Do   string // "execute", "enter directory", "set limit", …
	What string // a path, a user, a limit
	Err  error  // a syscall.Errno, or one of the errors above, is in its chain
	Hint string // what to do next; may be empty
}

// Error reads "cannot execute /srv/app/run: not executable; chmod +x it".
func (e *Error) Error() string {
	s := fmt.Sprintf("cannot %s %s: %v", e.Do, e.What, e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the status a program that starts another one ends with when it
// could not: 127 when there is no such file, 126 for any other reason (POSIX
// XCU 2.8.2; env(1), nohup(1)).
func ExitCode(err error) int {
	if errors.Is(err, ErrMissing) {
		return 127
	}
	return 126
}

// both gives the sentinel and keeps the errno in the chain, unsaid: the
// sentinel's words are the better ones.
type both struct{ say, errno error }

func (b both) Error() string   { return b.say.Error() }
func (b both) Unwrap() []error { return []error{b.say, b.errno} }
