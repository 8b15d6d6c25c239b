package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPacket bounds a packet: 2000 workers that all say something long.
const maxPacket = 4 << 20

// socketBuffer lets a whole State of many workers fit in one packet; the kernel
// doubles it and cuts it at twice net.core.wmem_max.
const socketBuffer = 1 << 20

// conn is one end of the control socket.
type conn struct {
	file *os.File
	raw  syscall.RawConn
}

// newConn takes fd over. It must be nonblocking, so that reading it costs a
// place in the runtime's poller and not a thread.
func newConn(fd int) (*conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("cannot use fd %d as control socket: %w", fd, err)
	}
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "control socket")
	if file == nil {
		return nil, fmt.Errorf("cannot use fd %d as control socket", fd)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("cannot use fd %d as control socket: %w", fd, err)
	}
	return &conn{file: file, raw: raw}, nil
}

// pair makes both ends; theirs stays a number, to be passed on.
func pair() (ours *conn, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("cannot make the control socket of a master: %w", err)
	}
	for _, fd := range fds {
		// As root more than wmem_max is allowed; else as much as may be.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
		}
	}
	ours, err = newConn(fds[0])
	if err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, -1, err
	}
	return ours, fds[1], nil
}

// send sends v as one packet and waits for room, and for memory: a word that is
// lost is never said again, and a generation that did not hear its quit is killed.
func (c *conn) send(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode %T: %w", v, err)
	}
	if len(b) > maxPacket {
		return fmt.Errorf("cannot send %T: %d bytes are too many", v, len(b))
	}
	if err := insist(func() error { return c.write(b) }); err != nil {
		return fmt.Errorf("cannot send %T: %w", v, err)
	}
	return nil
}

func (c *conn) write(b []byte) error {
	var bad error
	err := c.raw.Write(func(fd uintptr) bool {
		bad = retry(func() error { return unix.Sendto(int(fd), b, unix.MSG_NOSIGNAL, nil) })
		return bad != unix.EAGAIN
	})
	if err != nil {
		return err
	}
	return bad
}

// How long a kernel that is short of memory is asked again.
const (
	scarceTries = 200
	scarcePause = 10 * time.Millisecond
)

// insist does what fails for want of memory again (send(2), recv(2): ENOBUFS, ENOMEM).
func insist(f func() error) error {
	err := f()
	for tries := 1; tries < scarceTries && (errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)); tries++ {
		time.Sleep(scarcePause)
		err = f()
	}
	return err
}

// receive waits for a packet and decodes it. io.EOF says that the other end is
// closed; an error of json that the packet was none of ours.
func (c *conn) receive(v any) error {
	var b []byte
	err := insist(func() (err error) {
		b, err = c.read()
		return err
	})
	switch {
	case err == unix.ECONNRESET || err == nil && len(b) == 0:
		return io.EOF
	case err != nil:
		return err
	}
	return json.Unmarshal(b, v)
}

func (c *conn) read() ([]byte, error) {
	var b []byte
	var bad error
	err := c.raw.Read(func(fd uintptr) bool {
		b, bad = next(int(fd))
		return bad != unix.EAGAIN
	})
	if err != nil {
		return nil, err
	}
	return b, bad
}

// next takes the next packet, whose size it asks first.
func next(fd int) ([]byte, error) {
	size := 0
	if err := retry(func() (err error) {
		size, _, err = unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_TRUNC)
		return err
	}); err != nil || size == 0 {
		return nil, err
	}
	b := make([]byte, min(size, maxPacket))
	n := 0
	err := retry(func() (err error) {
		n, _, err = unix.Recvfrom(fd, b, 0)
		return err
	})
	return b[:max(n, 0)], err
}

func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func (c *conn) close() error { return c.file.Close() }
