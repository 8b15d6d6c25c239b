package handoff

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// directory is one directory, held by a descriptor while we work in it, so that all steps happen in the same one.
type directory struct {
	path string
	fd   int
}

func lookDir(path string) (*directory, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", path, err)
	}
	return &directory{path, fd}, nil
}

// openDir opens a directory to bind in, and refuses one in which anybody could take our name away.
func openDir(path string) (*directory, error) {
	d, err := lookDir(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, &hinted{err, "make it: mkdir -p " + path}
	case err != nil:
		return nil, &hinted{err, "it must be a directory we may enter"}
	}
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		d.close()
		return nil, fmt.Errorf("directory %s: %w", path, err)
	}
	if st.Mode&0o002 != 0 && st.Mode&unix.S_ISVTX == 0 {
		d.close()
		return nil, &hinted{fmt.Errorf("anybody may replace files in %s (mode %04o): %w", path, st.Mode&0o7777, unix.EPERM), "chmod o-w, or set the sticky bit: chmod +t " + path}
	}
	if err := unix.Faccessat(d.fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		d.close()
		return nil, &hinted{fmt.Errorf("no permission to write in %s: %w", path, err), "a socket needs a directory its herder may write to"}
	}
	return d, nil
}

func (d *directory) close() { _ = unix.Close(d.fd) }

func (d *directory) stat(name string) (st unix.Stat_t, err error) {
	err = unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// address is a sockaddr_un for a file in this directory: by its path, or where that is too long, through our descriptor.
func (d *directory) address(name string) (*unix.SockaddrUnix, error) {
	path := strings.TrimSuffix(d.path, "/") + "/" + name
	if len(path) > maxPath {
		path = "/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + name
	}
	if len(path) > maxPath {
		return nil, &hinted{fmt.Errorf("%s: %w", name, unix.ENAMETOOLONG), fmt.Sprintf("the name of a socket has at most %d bytes here", maxPath-len(path)+len(name))}
	}
	return &unix.SockaddrUnix{Name: path}, nil
}

func (d *directory) bind(fd int, name string) error {
	sa, err := d.address(name)
	if err != nil {
		return err
	}
	return unix.Bind(fd, sa)
}

// probe connects: nil when somebody serves the socket, ECONNREFUSED when nobody does (unix(7)). It never waits: a full backlog is EAGAIN,
// and somebody's. A socket of another type (EPROTOTYPE) is somebody's too: a stale one has no type any more.
func (d *directory) probe(name string, kind int) error {
	sa, err := d.address(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, sa)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EPROTOTYPE) || errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

// sweepMost bounds how much of a directory is read to find what a killed predecessor left.
const sweepMost = 10000

// sweep removes stale private names for the same public name: those of a herder that was killed. Those of a living pid are left alone,
// because it might be about to listen. Nothing depends on it, so it has no error.
func (d *directory) sweep(n *names) {
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), d.path)
	defer f.Close()
	entries, _ := f.Readdirnames(sweepMost)
	for _, name := range entries {
		tail, ok := strings.CutPrefix(name, "."+n.stem()+".")
		pid, count, found := strings.Cut(tail, "-")
		number, err := strconv.Atoi(pid)
		if !ok || !found || err != nil || number <= 0 || strings.Trim(count, "0123456789") != "" {
			continue
		}
		if number == os.Getpid() || !errors.Is(unix.Kill(number, 0), unix.ESRCH) {
			continue
		}
		st, err := d.stat(name)
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK && errors.Is(d.probe(name, n.kind), unix.ECONNREFUSED) {
			_ = unix.Unlinkat(d.fd, name, 0)
		}
	}
}
