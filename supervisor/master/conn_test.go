package master

import (
	"errors"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

// An order that meets a kernel without memory is not lost, and one that nobody can hear is given up at once.
func TestScarceMemoryLosesNoWord(t *testing.T) {
	for _, test := range []struct {
		errs  []error
		want  error
		calls int
	}{
		{nil, nil, 1},
		{[]error{unix.ENOBUFS, unix.ENOMEM, unix.ENOBUFS}, nil, 4},
		{[]error{unix.ENOBUFS, unix.EPIPE}, unix.EPIPE, 2},
		{endless(unix.ENOBUFS), unix.ENOBUFS, scarceTries},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := insist(func() error {
				calls++
				if calls <= len(test.errs) {
					return test.errs[calls-1]
				}
				return nil
			})
			if !errors.Is(err, test.want) || calls != test.calls {
				t.Errorf("%v after %d calls, want %v after %d", err, calls, test.want, test.calls)
			}
		})
	}
}

func endless(err error) []error {
	errs := make([]error, 2*scarceTries)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
