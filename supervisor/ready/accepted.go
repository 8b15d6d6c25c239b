package ready

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Which process accepted our connection?
//
//  1. The kernel tells the inode of the socket at the other end through
//     sock_diag(7): for TCP that of the socket whose local address is our
//     remote one and the other way round, for unix that of our peer. It is 0
//     until accept(2) returns.
//  2. Who holds that inode has a link to it in /proc/PID/fd.

// ends is what identifies a connection, seen from our side.
type ends struct {
	local, remote *net.TCPAddr // TCP
	inode         uint64       // unix: of our own socket
}

func endsOf(c net.Conn) (ends, error) {
	if local, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return ends{local: local, remote: c.RemoteAddr().(*net.TCPAddr)}, nil
	}
	rc, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return ends{}, err
	}
	var st unix.Stat_t
	var serr error
	if err := rc.Control(func(fd uintptr) { serr = unix.Fstat(int(fd), &st) }); err != nil {
		return ends{}, err
	}
	return ends{inode: st.Ino}, serr
}

func (e ends) accepted(d *diag) (uint64, error) {
	if e.local == nil {
		return d.unixPeer(e.inode)
	}
	return d.tcpPeer(e.remote, e.local)
}

// holder returns nil if a process that belongs holds the socket.
func holder(ino uint64, belongs func(pid int) bool) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return fmt.Errorf("cannot look who answered: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("cannot look who answered: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || !belongs(pid) {
			continue
		}
		has, err := holdsSocket(pid, ino)
		if err != nil && !gone(err) {
			return fmt.Errorf("cannot look whether process %d answered: %w", pid, err)
		}
		if has {
			return nil
		}
	}
	return ErrElsewhere
}

func holdsSocket(pid int, ino uint64) (bool, error) {
	dir, err := open(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer unix.Close(dir)
	l := looks.Get().(*look)
	defer looks.Put(l)
	l.reset(dir, []uint64{ino})
	err = l.findFDs()
	return len(l.socks) > 0, err
}
