package pidfile

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process lives that holds the lock. Get at it with
// [errors.As].
type ErrLocked struct {
	PID int // what its file says; 0 if that cannot be read
}

// Error implements error.
func (e ErrLocked) Error() string {
	if e.PID == 0 {
		return "another process holds it"
	}
	return fmt.Sprintf("process %d holds it", e.PID)
}

// Locked is a pid file that names this process and is locked by it.
type Locked struct {
	path string
	f    *os.File
}

// How often a file that is locked is looked at again. While the winner of two
// replaces a file left behind, the loser finds that locked, and must not take
// the number in it for the winner's: if nobody has that number, the file surely
// is about to be replaced.
const (
	lookAgain     = 10
	lookAgainDead = 3000
	lookAfter     = time.Millisecond
)

func (e ErrLocked) looks() int {
	if e.PID == 0 || unix.Kill(e.PID, 0) == unix.ESRCH {
		return lookAgainDead
	}
	return lookAgain
}

// Lock makes the file at path name this process, and holds it locked until
// Close. When another process holds it, the error is an [ErrLocked]. However
// many try at once, one gets it.
//
//  1. The file is written under another name, and locked by flock(2) there: it
//     is locked before it can be seen.
//  2. It is renamed to path if nothing is there, and that was all.
//  3. Else lock what is there. If that fails, its process lives: ErrLocked.
//     Else it was left behind; the number in it, which another process may have
//     by now, is not looked at.
//  4. If path still names what we locked, rename ours over it, and let go of it.
//     Else somebody was faster: again from 2.
//
// The lock goes with the process, however it ends. It is not passed on: the fd
// is CLOEXEC.
func Lock(path string) (*Locked, error) {
	f, err := lock(path, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot lock pid file %s: %w", path, err)
	}
	return &Locked{path, f}, nil
}

// lock is Lock; own, if not nil, is locked by us already.
func lock(path string, own *os.File) (*os.File, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	defer d.close()
	if err := d.mayReplace(); err != nil {
		return nil, err
	}
	f, err := d.create(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err = flock(f); err == nil {
		err = d.place(f, own)
	}
	if err != nil {
		f.Close()
		unix.Unlinkat(d.fd, f.Name(), 0)
		return nil, err
	}
	return f, nil
}

// place is steps 2 to 4.
func (d dir) place(f, own *os.File) error {
	for seen := 0; ; {
		if own != nil && d.names(own) {
			return d.rename(f.Name(), d.base)
		}
		if err := d.appear(f.Name()); err != unix.EEXIST {
			return err
		}
		done, err := d.takeOver(f)
		var locked ErrLocked
		switch {
		case done, err != nil && !errors.As(err, &locked):
			return err
		case err != nil:
			if seen++; seen >= locked.looks() {
				return err
			}
			time.Sleep(lookAfter)
		}
	}
}

// appear gives the file its name if nothing has it, in one step: a moment with
// two names would look like somebody's hard link to those who try meanwhile.
// File systems that cannot do that (renameat2(2), EINVAL) get the two steps.
func (d dir) appear(name string) error {
	err := unix.Renameat2(d.fd, name, d.fd, d.base, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	if err := unix.Linkat(d.fd, name, d.fd, d.base, 0); err != nil {
		return err
	}
	return unix.Unlinkat(d.fd, name, 0)
}

// takeOver renames f over what stands at the name if no living process holds it.
// Neither done nor an error: somebody was faster, look again.
func (d dir) takeOver(f *os.File) (done bool, err error) {
	if err := d.mayReplace(); err != nil {
		return false, err
	}
	left, err := d.open()
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer left.Close()
	return d.replace(left, f)
}

// replace renames f over left, the file that stood at the name when it was opened.
func (d dir) replace(left, f *os.File) (done bool, err error) {
	if err := flock(left); err == unix.EWOULDBLOCK {
		pid, _ := readFrom(left) // 0 will do
		return false, ErrLocked{pid}
	} else if err != nil {
		return false, err
	}
	if !d.names(left) {
		return false, nil
	}
	return true, d.rename(f.Name(), d.base)
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			return err
		}
	}
}

// Check says whether path still names our file and the file this process: nil,
// or what was done to it.
func (l *Locked) Check() error {
	d, err := openDir(l.path)
	if err != nil {
		return fmt.Errorf("cannot find pid file %s: %w", l.path, err)
	}
	defer d.close()
	if _, err := d.stat(); err != nil {
		return fmt.Errorf("pid file %s was removed: %w", l.path, err)
	}
	if !d.names(l.f) {
		return fmt.Errorf("pid file %s was replaced: %w", l.path, ErrForeign)
	}
	if pid, err := readFrom(l.f); err != nil || pid != os.Getpid() {
		return fmt.Errorf("pid file %s was overwritten: %w", l.path, errors.Join(err, ErrForeign))
	}
	return nil
}

// Restore puts the file back after Check complained. It is an [ErrLocked] when
// another process has taken the place.
func (l *Locked) Restore() error {
	if l.Check() == nil {
		return nil
	}
	f, err := lock(l.path, l.f)
	if err != nil {
		return fmt.Errorf("cannot restore pid file %s: %w", l.path, err)
	}
	l.f.Close()
	l.f = f
	return nil
}

// Close removes the file, if it still is ours, and lets go of the lock.
func (l *Locked) Close() error {
	var err error
	if d, derr := openDir(l.path); derr == nil {
		if d.names(l.f) {
			err = unix.Unlinkat(d.fd, d.base, 0)
		}
		d.close()
	}
	if err = errors.Join(err, l.f.Close()); err != nil {
		return fmt.Errorf("cannot remove pid file %s: %w", l.path, err)
	}
	return nil
}
