package handoff

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path in a sockaddr_un: 108 bytes, one of them the NUL (unix(7)).
const maxPath = 107

func kindOf(network string) int {
	if network == Unixgram {
		return unix.SOCK_DGRAM
	}
	return unix.SOCK_STREAM
}

func (l *Listener) openAbstract() error {
	fd, err := newSocket(unix.AF_UNIX, kindOf(l.network), 0)
	if err != nil {
		return err
	}
	l.fds = []int{fd}
	if err := setAll(fd, l.network, l.spec.Options); err != nil {
		return err
	}
	if err := bind(fd, &unix.SockaddrUnix{Name: l.spec.Address}); err != nil {
		return err
	}
	return l.listenAll()
}

func (l *Listener) openPath() error {
	path, err := filepath.Abs(l.spec.Address)
	if err != nil {
		return err
	}
	fd, n, err := bindPath(l.network, path, l.spec.Options)
	if err != nil {
		return err
	}
	l.fds, l.names, l.dir = []int{fd}, n, n.dir
	return nil
}

// bindPath makes a socket that listens at a private name, and then, complete, at the public one.
func bindPath(network, path string, o Options) (int, *names, error) {
	owner, err := ownerFor(o)
	if err != nil {
		return -1, nil, err
	}
	d, err := openDir(filepath.Dir(path))
	if err != nil {
		return -1, nil, err
	}
	defer d.close()
	n := &names{dir: d.path, base: filepath.Base(path), kind: kindOf(network)}
	d.sweep(n)
	fd, err := newSocket(unix.AF_UNIX, n.kind, 0)
	if err != nil {
		return -1, nil, err
	}
	if o.OneName {
		err = n.bindPublic(d, fd, network, o, owner)
	} else if err = n.bindPrivate(d, fd, network, o, owner); err == nil {
		err = n.publish(d)
	}
	if err != nil {
		_ = unix.Close(fd)
		d.removeOurs(n, n.private)
		return -1, nil, err
	}
	return fd, n, nil
}

var privateCount atomic.Uint64

// bindPrivate binds fd at a name of our own, with its mode and owner, and listens. The mode of a socket's inode before bind(2) is the
// mode its file is born with (and umask(2), which belongs to all threads, need not be touched): 0, so that nobody connects yet.
func (n *names) bindPrivate(d *directory, fd int, network string, o Options, owner ownership) error {
	if err := setAll(fd, network, o); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, 0); err != nil {
		return fmt.Errorf("fchmod: %w", err)
	}
	const tries = 100
	var err error
	for range tries {
		n.private = n.privateName()
		if err = d.bind(fd, n.private); !errors.Is(err, unix.EADDRINUSE) {
			break
		}
		// The count is ours alone, so this is of an earlier process with our pid, as in a container, where the pid is always the same.
		if errors.Is(d.probe(n.private, n.kind), unix.ECONNREFUSED) {
			_ = unix.Unlinkat(d.fd, n.private, 0)
		}
	}
	if err != nil {
		n.private = ""
		return fmt.Errorf("bind in %s: %w", d.path, err)
	}
	if err := n.dress(d, o, owner); err != nil {
		return err
	}
	if network == Unixgram {
		return nil
	}
	if err := unix.Listen(fd, o.backlog()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// bindPublic binds fd at the public name itself, and keeps a link to it under a private one. Servers that compare what they are given
// with the paths of their own configuration would bind a socket of another name a second time. The price is a moment, between bind and
// listen, in which who connects is refused; a stale socket is removed for it, and not exchanged.
func (n *names) bindPublic(d *directory, fd int, network string, o Options, owner ownership) error {
	if err := n.clear(d); err != nil {
		return err
	}
	if err := setAll(fd, network, o); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, 0); err != nil {
		return fmt.Errorf("fchmod: %w", err)
	}
	if err := d.bind(fd, n.base); err != nil {
		return fmt.Errorf("bind in %s: %w", d.path, err)
	}
	n.private = n.base // what is removed if the rest fails
	if err := n.dress(d, o, owner); err != nil {
		return err
	}
	if network != Unixgram {
		if err := unix.Listen(fd, o.backlog()); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	n.private = n.privateName()
	if err := unix.Linkat(d.fd, n.base, d.fd, n.private, 0); err != nil {
		n.private = "" // no hard links here: one name must do
	}
	return nil
}

// privateName is .BASE.PID-N, cut so that it fits a sockaddr_un also behind /proc/self/fd/NNN/.
func (n *names) privateName() string {
	tail := fmt.Sprintf(".%d-%d", os.Getpid(), privateCount.Add(1))
	return "." + n.stem() + tail
}

// stem is what of the public name goes into the private one.
func (n *names) stem() string { return n.base[:min(len(n.base), 48)] }

// dress gives the new file its owner and then its mode, by a descriptor of just this file, so that nothing put in its place is changed.
func (n *names) dress(d *directory, o Options, owner ownership) error {
	fd, err := unix.Openat(d.fd, n.private, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", n.private, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", n.private, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fmt.Errorf("somebody put another file at %s", filepath.Join(d.path, n.private))
	}
	n.dev, n.ino = st.Dev, st.Ino
	if owner.uid >= 0 || owner.gid >= 0 {
		if err := unix.Fchownat(fd, "", owner.uid, owner.gid, unix.AT_EMPTY_PATH); err != nil {
			return &hinted{fmt.Errorf("give it to owner %s group %s: %w", o.Owner, o.Group, err), "only root gives files away, others only to a group of theirs"}
		}
	}
	mode := o.Mode
	if mode == 0 {
		mode = 0o777 &^ umask()
	}
	if err := unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode); err != nil {
		return fmt.Errorf("set mode %04o: %w", mode, err)
	}
	return nil
}

// umask is read from /proc, because umask(2) tells it only by changing it, for all threads.
func umask() uint32 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0o022
	}
	_, rest, _ := strings.Cut(string(status), "\nUmask:\t")
	line, _, _ := strings.Cut(rest, "\n")
	m, err := strconv.ParseUint(line, 8, 32)
	if err != nil {
		return 0o022
	}
	return uint32(m)
}

// ownership is uid and gid, -1 for those to leave alone.
type ownership struct{ uid, gid int }

func ownerFor(o Options) (ownership, error) {
	w := ownership{-1, -1}
	var err error
	if o.Owner != "" {
		if w.uid, err = strconv.Atoi(o.Owner); err != nil {
			u, err := user.Lookup(o.Owner)
			if err != nil {
				return w, &hinted{err, "give a user of this system, or a number"}
			}
			w.uid, _ = strconv.Atoi(u.Uid)
		}
	}
	if o.Group != "" {
		if w.gid, err = strconv.Atoi(o.Group); err != nil {
			g, err := user.LookupGroup(o.Group)
			if err != nil {
				return w, &hinted{err, "give a group of this system, or a number"}
			}
			w.gid, _ = strconv.Atoi(g.Gid)
		}
	}
	return w, nil
}
