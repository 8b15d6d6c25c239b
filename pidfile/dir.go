package pidfile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dir is a name in a directory that was opened once: whatever happens to the
// path above it meanwhile, all steps of one operation are in the same place.
type dir struct {
	fd   int
	base string
}

func openDir(path string) (dir, error) {
	base := filepath.Base(path)
	if path == "" || strings.HasSuffix(path, "/") || base == "." || base == ".." || strings.ContainsRune(path, 0) {
		return dir{}, fmt.Errorf("%q does not name a file", path)
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir{fd, base}, err
}

func (d dir) close() { unix.Close(d.fd) }

// open opens the file for reading, without following a link and without waiting
// for the other end of a fifo.
func (d dir) open() (*os.File, error) {
	fd, err := unix.Openat(d.fd, d.base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ELOOP || err == unix.ENXIO { // a link; a socket
		if st, serr := d.stat(); serr == nil {
			return nil, refuseKind(st.Mode)
		}
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		err = refuseKind(st.Mode)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.base), nil
}

func (d dir) stat() (st unix.Stat_t, err error) {
	err = unix.Fstatat(d.fd, d.base, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// names says whether the name still is that of the open file.
func (d dir) names(f *os.File) bool {
	var open unix.Stat_t
	if unix.Fstat(int(f.Fd()), &open) != nil {
		return false
	}
	at, err := d.stat()
	return err == nil && at.Dev == open.Dev && at.Ino == open.Ino
}

// mayReplace says whether what stands at the name, if anything, may be replaced
// by a pid file. Replacing is a rename, so nothing is ever written through what
// is there; it is refused because it is not ours to take away.
func (d dir) mayReplace() error {
	var in unix.Stat_t
	if err := unix.Fstatat(d.fd, "", &in, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	if in.Mode&0o002 != 0 && in.Mode&unix.S_ISVTX == 0 {
		return fmt.Errorf("%w: everybody may replace files in its directory (chmod o-w, or set the sticky bit)", ErrRefused)
	}
	st, err := d.stat()
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	if err := refuseKind(st.Mode); err != nil {
		return err
	}
	if others := in.Mode&0o022 != 0; others && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: it belongs to user %d, in a directory that others can write", ErrRefused, st.Uid)
	}
	if int(st.Nlink) > d.ownNames(st) {
		return fmt.Errorf("%w: it has a hard link elsewhere", ErrRefused)
	}
	return nil
}

// ownNames counts the names the file has by right: the pid file and its Old.
func (d dir) ownNames(st unix.Stat_t) int {
	n := 1
	sibling := d.base + Old
	if cut, isOld := strings.CutSuffix(d.base, Old); isOld {
		sibling = cut
	}
	other, err := dir{d.fd, sibling}.stat()
	if err == nil && other.Dev == st.Dev && other.Ino == st.Ino {
		n++
	}
	return n
}

func refuseKind(mode uint32) error {
	kind := ""
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFLNK:
		kind = "a symbolic link"
	case unix.S_IFDIR:
		kind = "a directory"
	case unix.S_IFIFO:
		kind = "a fifo"
	case unix.S_IFSOCK:
		kind = "a socket"
	default:
		kind = "a device"
	}
	return fmt.Errorf("%w: it is %s", ErrRefused, kind)
}

func (d dir) tempName() string {
	return fmt.Sprintf(".%s.%012x", d.base, rand.Uint64()>>16)
}

// create makes a complete pid file under a name of its own; its Name is that.
func (d dir) create(pid int) (*os.File, error) {
	name := d.tempName()
	fd, err := unix.Openat(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	if err := fill(f, pid); err != nil {
		f.Close()
		unix.Unlinkat(d.fd, name, 0)
		return nil, err
	}
	return f, nil
}

func fill(f *os.File, pid int) error {
	_, err := f.WriteString(strconv.Itoa(pid) + "\n")
	if err == nil {
		err = f.Chmod(0o644) // whatever the umask: who deploys reads it
	}
	if err == nil {
		err = f.Sync()
	}
	return underlying(err)
}

// rename gives a temporary its name, or removes it.
func (d dir) rename(temp, to string) error {
	err := unix.Renameat(d.fd, temp, d.fd, to)
	// Where both are names of one file rename(2) does nothing, and that is a
	// success: only the temporary name has to go.
	if uerr := unix.Unlinkat(d.fd, temp, 0); err == nil && uerr != nil && uerr != unix.ENOENT {
		err = uerr
	}
	return err
}
