package handoff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Queue says how many connections wait to be accepted, and how many may (the live backlog, whoever set it), over all sockets of the
// Listener. For UDP and unixgram it is bytes that wait, and the receive buffer, as far as the kernel tells.
func (l *Listener) Queue() (queued, backlog int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return 0, 0, ErrClosed
	}
	for i, fd := range l.fds {
		q, b, err := queueOf(l.network, fd, l.inodes[i])
		if err != nil {
			return 0, 0, fmt.Errorf("cannot read the queue of %s: %w", l.address, err)
		}
		queued, backlog = queued+q, backlog+b
	}
	return queued, backlog, nil
}

func queueOf(network string, fd int, ino uint64) (queued, backlog int, err error) {
	switch network {
	case TCP:
		return queueTCP(fd)
	case Unix:
		return queueUnix(ino)
	}
	return queueBytes(fd)
}

// tcpListen is TCP_LISTEN of the kernel's include/net/tcp_states.h.
const tcpListen = 10

// queueTCP: on a listener tcpi_unacked is the accept queue and tcpi_sacked its limit (tcp_get_info in net/ipv4/tcp.c).
func queueTCP(fd int) (queued, backlog int, err error) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, fmt.Errorf("TCP_INFO: %w", err)
	}
	if info.State != tcpListen {
		return 0, 0, nil // shut down by somebody: Repair mends that
	}
	return int(info.Unacked), int(info.Sacked), nil
}

// queueBytes reads SO_MEMINFO: its first word is what the receive queue holds, its second the limit (sock_diag(7)).
func queueBytes(fd int) (queued, limit int, err error) {
	var words [16]uint32
	size := uint32(unsafe.Sizeof(words))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&words[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, 0, fmt.Errorf("SO_MEMINFO: %w", errno)
	}
	return int(words[0]), int(words[1]), nil
}

// The question to sock_diag(7) for one unix socket:
//
//	nlmsghdr (16 bytes): length, type SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, pid
//	unix_diag_req (24):  family, protocol, pad, states, inode, show, cookie of two words (all ones: any)
//
// The answer is a nlmsghdr, a unix_diag_msg of 16 bytes, and attributes; UNIX_DIAG_RQLEN holds two words: for a listener the accept
// queue and its limit.
const (
	unixDiagRQLen   = 4    // UNIX_DIAG_RQLEN, linux/unix_diag.h
	udiagShowRQLen  = 0x10 // UDIAG_SHOW_RQLEN
	unixDiagMsgSize = 16
)

func queueUnix(ino uint64) (queued, backlog int, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, 0, fmt.Errorf("netlink: %w", err)
	}
	defer unix.Close(fd)
	// The kernel answers within sendto; the timeout only keeps a strange one from holding us.
	tv := unix.NsecToTimeval(int64(5 * time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return 0, 0, fmt.Errorf("netlink: %w", err)
	}
	if err := unix.Sendto(fd, diagRequest(uint32(ino)), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, 0, fmt.Errorf("sock_diag: %w", err)
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("sock_diag: %w", err)
	}
	return parseDiag(answer[:n])
}

func diagRequest(ino uint32) []byte {
	e := binary.NativeEndian
	b := make([]byte, 0, 40)
	b = e.AppendUint32(b, 40)
	b = e.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = e.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...)
	b = append(b, unix.AF_UNIX, 0, 0, 0)
	b = e.AppendUint32(b, ^uint32(0))
	b = e.AppendUint32(b, ino)
	b = e.AppendUint32(b, udiagShowRQLen)
	return e.AppendUint64(b, ^uint64(0))
}

func parseDiag(b []byte) (queued, backlog int, err error) {
	e := binary.NativeEndian
	if len(b) < unix.NLMSG_HDRLEN+4 {
		return 0, 0, errors.New("sock_diag: short answer")
	}
	if e.Uint16(b[4:]) == unix.NLMSG_ERROR {
		return 0, 0, fmt.Errorf("sock_diag: %w", unix.Errno(-int32(e.Uint32(b[unix.NLMSG_HDRLEN:]))))
	}
	b = b[min(len(b), unix.NLMSG_HDRLEN+unixDiagMsgSize):]
	for len(b) >= unix.NLA_HDRLEN {
		size, kind := int(e.Uint16(b)), e.Uint16(b[2:])
		if size < unix.NLA_HDRLEN || size > len(b) {
			break
		}
		if kind == unixDiagRQLen && size >= unix.NLA_HDRLEN+8 {
			return int(e.Uint32(b[4:])), int(e.Uint32(b[8:])), nil
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return 0, 0, errors.New("sock_diag: no queue in the answer")
}
