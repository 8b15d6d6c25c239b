package handoff

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// names are the two hard links of one unix socket. dev and ino say which file is ours.
type names struct {
	dir     string
	base    string // public
	private string
	kind    int // SOCK_STREAM or SOCK_DGRAM
	dev     uint64
	ino     uint64
}

func (n *names) public() string { return filepath.Join(n.dir, n.base) }

// How the public name is taken:
//
//  1. Nothing there: link(2), which fails when something comes meanwhile; then look again.
//  2. Not a socket: refuse. It is never removed.
//  3. A socket: connect to it. Whatever answers is alive and keeps its name.
//  4. A stale one: our link, under a third name, and the public name change places (renameat2, RENAME_EXCHANGE): no moment without a
//     socket. If what came out is not what was tried in step 3, somebody was quicker: change back, look again.
const claims = 20

// publish gives our socket the public name.
func (n *names) publish(d *directory) error {
	for range claims {
		st, err := d.stat(n.base)
		switch {
		case errors.Is(err, unix.ENOENT):
			if err = n.link(d); errors.Is(err, unix.EEXIST) {
				continue
			}
			return err
		case err != nil:
			return fmt.Errorf("stat %s: %w", n.public(), err)
		case n.is(&st):
			return nil
		}
		if err := n.mayReplace(d, &st); err != nil {
			return err
		}
		done, err := n.exchange(d, &st)
		if done || err != nil {
			return err
		}
	}
	return &hinted{fmt.Errorf("others keep changing %s: %w", n.public(), unix.EADDRINUSE), "two programs want this path; stop one"}
}

// clear removes a stale socket from the public name; nothing else.
func (n *names) clear(d *directory) error {
	st, err := d.stat(n.base)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stat %s: %w", n.public(), err)
	}
	if err := n.mayReplace(d, &st); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd, n.base, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the stale socket %s: %w", n.public(), err)
	}
	return nil
}

// link makes the public name. A file system without hard links, or a socket given to a user whose files we may not link
// (fs.protected_hardlinks, and no CAP_FOWNER), leaves us one name only: then the private one becomes it.
func (n *names) link(d *directory) error {
	err := unix.Linkat(d.fd, n.private, d.fd, n.base, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EMLINK) {
		if err = unix.Renameat2(d.fd, n.private, d.fd, n.base, unix.RENAME_NOREPLACE); err == nil {
			n.private = ""
		}
	}
	if err != nil {
		return fmt.Errorf("link %s: %w", n.public(), err)
	}
	return nil
}

func (n *names) is(st *unix.Stat_t) bool {
	return n.ino != 0 && st.Ino == n.ino && st.Dev == n.dev && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}

// mayReplace says nil when what stands at the public name is a socket that nobody serves.
func (n *names) mayReplace(d *directory, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return &hinted{fmt.Errorf("%s is a %s, not a socket: %w", n.public(), fileKind(st.Mode), unix.EEXIST), "it is never removed; choose another path, or remove it yourself"}
	}
	switch err := d.probe(n.base, n.kind); {
	case err == nil:
		return unix.EADDRINUSE
	case errors.Is(err, unix.ENOENT): // just gone: exchange will see it
	case errors.Is(err, unix.ECONNREFUSED):
		if me := unix.Geteuid(); me != 0 && st.Uid != uint32(me) {
			return &hinted{fmt.Errorf("%s is a stale socket of uid %d: %w", n.public(), st.Uid, unix.EPERM), "remove it as that user"}
		}
	default:
		return &hinted{fmt.Errorf("cannot find out whether somebody serves %s: %w", n.public(), err), "choose another path, or remove it yourself"}
	}
	return nil
}

// exchange puts our socket in the place of the stale one that old describes; done is false when somebody was quicker.
func (n *names) exchange(d *directory, old *unix.Stat_t) (done bool, err error) {
	third := n.privateName()
	if err := unix.Linkat(d.fd, n.private, d.fd, third, 0); err != nil {
		return false, fmt.Errorf("link %s: %w", third, err)
	}
	err = unix.Renameat2(d.fd, third, d.fd, n.base, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system without it (some network file systems): as good as rename(2) can.
		if err = unix.Renameat(d.fd, third, d.fd, n.base); err == nil {
			return true, nil
		}
	}
	if err != nil {
		_ = unix.Unlinkat(d.fd, third, 0)
		if errors.Is(err, unix.ENOENT) {
			return false, nil
		}
		return false, fmt.Errorf("replace the stale socket %s: %w", n.public(), err)
	}
	out, err := d.stat(third)
	if err == nil && out.Ino == old.Ino && out.Dev == old.Dev {
		return true, unix.Unlinkat(d.fd, third, 0)
	}
	if err := unix.Renameat2(d.fd, third, d.fd, n.base, unix.RENAME_EXCHANGE); err != nil {
		return false, fmt.Errorf("give back %s: %w", n.public(), err)
	}
	_ = unix.Unlinkat(d.fd, third, 0)
	return false, nil
}

// remove removes both names, if they are ours.
func (n *names) remove() error {
	d, err := lookDir(n.dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	return errors.Join(d.removeOurs(n, n.base), d.removeOurs(n, n.private))
}

func (d *directory) removeOurs(n *names, name string) error {
	if name == "" {
		return nil
	}
	st, err := d.stat(name)
	if err != nil || !n.is(&st) {
		return nil
	}
	if err := unix.Unlinkat(d.fd, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "regular file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "device"
	}
	return "file of kind " + strconv.FormatUint(uint64(mode&unix.S_IFMT), 8)
}
