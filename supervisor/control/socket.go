package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another herder answers on the socket.
var ErrInUse = errors.New("another herder answers on it")

// maxSunPath is what fits in sun_path with its NUL, unix(7).
const maxSunPath = 107

// MakeDir makes sure that dir is a directory only we can enter: it is made with
// mode 0700 when it is missing (and its parents with 0755). It refuses a symlink,
// anything that is no directory, one of another user, one that others may
// enter, and one whose parent lets others put another in its place.
func MakeDir(dir string) error {
	err := os.MkdirAll(filepath.Dir(dir), 0o755)
	if err != nil {
		return fmt.Errorf("cannot make the parent of runtime directory %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make runtime directory %s: %w", dir, err)
	}
	if err := checkDir(dir); err != nil {
		return fmt.Errorf("refuse runtime directory %s: %w", dir, err)
	}
	return nil
}

func checkDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return errors.New("it is not a directory")
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to uid %d, not to us (uid %d)", st.Uid, os.Geteuid())
	case st.Mode&0o077 != 0:
		return fmt.Errorf("its mode is %04o, others can enter it: chmod 0700", st.Mode&0o7777)
	}
	if err := unix.Stat(filepath.Dir(dir), &st); err != nil {
		return err
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("its parent belongs to uid %d, who can put another in its place", st.Uid)
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return fmt.Errorf("others can write to its parent (mode %04o) and put another in its place", st.Mode&0o7777)
	}
	return nil
}

// listen binds the socket, which takes the place of a dead one of ours and of
// nothing else.
func listen(path string) (*net.UnixListener, error) {
	if err := MakeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	dir, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("cannot lock the directory of %s: %w", path, err)
	}
	defer dir.Close()
	if err := clearPath(path); err != nil {
		return nil, fmt.Errorf("cannot listen on control socket %s: %w", path, err)
	}
	// The mode of a bound socket is the mode of the unbound one less the umask
	// (unix_bind in the kernel), so there is no moment at which it is wider, and
	// the umask, which all threads share, stays as it is.
	private := func(_, _ string, c syscall.RawConn) error {
		var chmod error
		err := c.Control(func(fd uintptr) { chmod = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmod)
	}
	lc := net.ListenConfig{Control: private}
	l, err := lc.Listen(context.Background(), "unix", reachable(path, dir))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on control socket %s: %w", path, cause(err))
	}
	ul := l.(*net.UnixListener)
	ul.SetUnlinkOnClose(false) // by Server.Close, and only when it is still ours
	return ul, nil
}

// lockDir opens dir and holds it while the socket is looked at, removed and
// bound: two herders that find the same dead socket would else remove each
// other's new one.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for range 500 {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// clearPath removes a dead socket of ours, refuses everything else.
func clearPath(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return errors.New("something that is no socket is in the way; it is left alone")
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("a socket of uid %d is in the way; it is left alone", st.Uid)
	}
	c, err := dial(context.Background(), path)
	if err == nil {
		c.Close()
		return ErrInUse
	}
	// EAGAIN is a full queue: somebody listens, however slowly.
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return unix.Unlink(path)
}

// dial connects to path, also when it is too long for a socket address.
func dial(ctx context.Context, path string) (*net.UnixConn, error) {
	var dir *os.File
	if len(path) > maxSunPath {
		var err error
		if dir, err = os.Open(filepath.Dir(path)); err != nil {
			return nil, err
		}
		defer dir.Close()
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", reachable(path, dir))
	if err != nil {
		return nil, cause(err)
	}
	return c.(*net.UnixConn), nil
}

// reachable is a name for path that fits in a socket address: the way through
// the open directory in /proc/self/fd when it is too long itself.
func reachable(path string, dir *os.File) string {
	if len(path) <= maxSunPath {
		return path
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path)
}

// cause takes the address out of an error of package net: the caller names it.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// peer is the user at the other end of c, as the kernel knows it.
func peer(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var got error
	err = raw.Control(func(fd uintptr) {
		cred, got = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(err, got)
}

// hungUp says whether the other end of c is closed, not merely shut for sending:
// poll(2) reports POLLHUP only when both directions are.
func hungUp(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	gone := true
	_ = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		gone = err != nil || n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone
}
