package ready

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Notify is the socket that a generation finds as NOTIFY_SOCKET.
//
// The protocol, seen from here (sd_notify(3)):
//
//  1. A datagram holds KEY=VALUE lines, at most [MaxMessage] bytes; what is
//     longer is refused whole, told by MSG_TRUNC.
//  2. The kernel adds the sender's pid, uid and gid (SO_PASSCRED). Whether that
//     process belongs to the generation is for the receiver of [Notify.C] to
//     decide, and at once: the sender may be a short-lived systemd-notify(1).
//  3. Fds that come along are closed; nothing is stored for the sender.
//  4. A message with BARRIER=1 has one fd, and its sender waits until that is
//     closed. It is closed only after everything before it was taken from C.
type Notify struct {
	file    *os.File
	address string
	path    string // the file to be removed; "": there is none
	c       chan Message
	done    chan struct{}
	ended   chan struct{}
	once    sync.Once
}

// maxRights is how many fds a message may bring to be closed by us; the kernel
// itself drops what does not fit (MSG_CTRUNC).
const maxRights = 16

// ListenNotify makes the socket at a path, as systemd does. Not everybody knows of
// another place: for Sidekiq, Puma and all who have ruby-sdnotify in them "@name" is
// a file, and what cannot be sent there is an exception that ends the program.
//
// Without a path, or where none can be bound, it is in the abstract namespace under
// a name nobody can guess: that needs no directory, and is what libsystemd knows, too.
func ListenNotify(path string) (*Notify, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot make the notify socket: %w", err)
	}
	address := path
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err == nil && !bindPath(fd, path) {
		address, path = abstract(), ""
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: address})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot make the notify socket %s: %w", address, err)
	}
	n := &Notify{
		// A nonblocking fd makes os.NewFile use the runtime's poller, so that
		// Close ends the reader.
		file:    os.NewFile(uintptr(fd), address),
		address: address,
		path:    path,
		c:       make(chan Message),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go n.run()
	return n, nil
}

// abstract is a new name. It is of ChaCha8, seeded by the kernel; crypto/rand would
// bring a dozen packages to initialise into every master's start.
func abstract() string {
	return fmt.Sprintf("@herder-notify-%016x%016x", rand.Uint64(), rand.Uint64())
}

// bindPath says whether the socket is at that path now, for everybody: a server may
// change its user by itself, and who may be believed is told by the pid.
func bindPath(fd int, path string) bool {
	if path == "" || unix.Bind(fd, &unix.SockaddrUnix{Name: path}) != nil {
		return false
	}
	_ = os.Chmod(path, 0o666) // it is there; at worst for those only whom the umask lets in
	return true
}

// Address is the value for NOTIFY_SOCKET.
func (n *Notify) Address() string { return n.address }

// C delivers the messages, in the order in which they came. It is closed by
// Close. Who does not take from it makes the senders wait, not us grow.
func (n *Notify) C() <-chan Message { return n.c }

// Close ends the socket. It may be called again.
func (n *Notify) Close() error {
	var err error
	n.once.Do(func() {
		close(n.done)
		if n.path != "" {
			_ = os.Remove(n.path) // at worst it is swept by the next herder
		}
		err = n.file.Close()
	})
	<-n.ended
	return err
}

func (n *Notify) run() {
	defer close(n.ended)
	defer close(n.c)
	conn, err := n.file.SyscallConn()
	if err != nil {
		return
	}
	r := receiver{buf: make([]byte, MaxMessage+1)}
	for {
		var d datagram
		err := conn.Read(func(fd uintptr) bool {
			d = r.receive(int(fd))
			return !errors.Is(d.err, unix.EAGAIN)
		})
		if err != nil {
			return // closed
		}
		if !n.deliver(d) {
			return
		}
	}
}

func (n *Notify) deliver(d datagram) (more bool) {
	defer closeAll(d.fds)
	if d.err != nil {
		// EINTR, ENOBUFS, ENOMEM: of the moment; the socket stays good.
		return true
	}
	select {
	case n.c <- d.message:
		return true
	case <-n.done:
		return false
	}
}

// datagram is what one recvmsg(2) brought.
type datagram struct {
	message Message
	fds     []int
	err     error
}

type receiver struct {
	buf []byte
	oob [256]byte
}

func (r *receiver) receive(fd int) datagram {
	n, oobn, flags, _, err := unix.Recvmsg(fd, r.buf, r.oob[:oobSize], unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return datagram{err: err}
	}
	cred, fds := control(r.oob[:oobn])
	m, err := ParseMessage(r.buf[:n])
	if flags&unix.MSG_TRUNC != 0 || n > MaxMessage {
		m, err = Message{}, errTooLong
	}
	m.Err = err
	if cred != nil {
		m.PID, m.UID, m.GID = int(cred.Pid), int(cred.Uid), int(cred.Gid)
	} else {
		m = Message{UID: -1, GID: -1, Err: errors.New("cannot trust a notify message without credentials")}
	}
	return datagram{message: m, fds: fds}
}

// oobSize is room for the credentials and maxRights fds.
var oobSize = unix.CmsgSpace(unix.SizeofUcred) + unix.CmsgSpace(4*maxRights)

// control takes apart what came beside the text. All fds in it are ours now.
func control(oob []byte) (cred *unix.Ucred, fds []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, nil
	}
	for i := range messages {
		if got, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		} else if c, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			cred = c
		}
	}
	return cred, fds
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
