package ready

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Sizes and numbers of linux/sock_diag.h, linux/inet_diag.h, linux/unix_diag.h,
// which x/sys/unix does not have.
const (
	sizeInetReq  = 56 // struct inet_diag_req_v2
	sizeUnixReq  = 24 // struct unix_diag_req
	sizeUnixMsg  = 16 // struct unix_diag_msg
	showPeer     = 4  // UDIAG_SHOW_PEER
	attrPeer     = 2  // UNIX_DIAG_PEER
	atInetDport  = 6  // offsets in struct inet_diag_msg
	atInetInode  = 68
	sizeInetMsg  = 72
	diagPatience = 2 // seconds; the kernel answers within the system call
)

// diag is a sock_diag(7) socket.
type diag struct {
	fd  int
	seq uint32
	buf [1024]byte
}

func openDiag() (*diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the kernel for connections: %w", err)
	}
	d := &diag{fd: fd}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: diagPatience}); err != nil {
		d.close()
		return nil, fmt.Errorf("cannot ask the kernel for connections: %w", err)
	}
	return d, nil
}

func (d *diag) close() { unix.Close(d.fd) }

// tcpPeer is the inode of the TCP socket with these two ends, 0 if there is
// none or nobody has accepted it.
func (d *diag) tcpPeer(local, remote *net.TCPAddr) (uint64, error) {
	req := make([]byte, sizeInetReq)
	req[0], req[1] = unix.AF_INET6, unix.IPPROTO_TCP
	src, dst := local.IP.To16(), remote.IP.To16()
	if v4 := local.IP.To4(); v4 != nil {
		// A listener on :: has its IPv4 connections under this family too.
		req[0] = unix.AF_INET
		src, dst = v4, remote.IP.To4()
	}
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0)) // idiag_states: any
	binary.BigEndian.PutUint16(req[8:], uint16(local.Port))
	binary.BigEndian.PutUint16(req[10:], uint16(remote.Port))
	copy(req[12:28], src)
	copy(req[28:44], dst)
	if local.Zone != "" {
		if i, err := net.InterfaceByName(local.Zone); err == nil {
			binary.NativeEndian.PutUint32(req[44:], uint32(i.Index)) // idiag_if
		}
	}
	for i := 48; i < sizeInetReq; i++ {
		req[i] = 0xff // INET_DIAG_NOCOOKIE
	}
	msg, err := d.ask(req)
	if err != nil || len(msg) < sizeInetMsg {
		return 0, err
	}
	// Where no connection fits, the kernel finds the listener.
	if binary.BigEndian.Uint16(msg[atInetDport:]) != uint16(remote.Port) {
		return 0, nil
	}
	return uint64(binary.NativeEndian.Uint32(msg[atInetInode:])), nil
}

// unixPeer is the inode of the peer of a unix socket, 0 while nobody has
// accepted it.
func (d *diag) unixPeer(ino uint64) (uint64, error) {
	req := make([]byte, sizeUnixReq)
	req[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0)) // udiag_states: any
	binary.NativeEndian.PutUint32(req[8:], uint32(ino))
	binary.NativeEndian.PutUint32(req[12:], showPeer)
	for i := 16; i < sizeUnixReq; i++ {
		req[i] = 0xff // no cookie
	}
	msg, err := d.ask(req)
	if err != nil || len(msg) < sizeUnixMsg {
		return 0, err
	}
	peer := attribute(msg[sizeUnixMsg:], attrPeer)
	if len(peer) < 4 {
		return 0, nil
	}
	return uint64(binary.NativeEndian.Uint32(peer)), nil
}

// attribute finds an attribute (netlink(7), struct rtattr), nothing if it is not there.
func attribute(b []byte, kind uint16) []byte {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return nil
		}
		if binary.NativeEndian.Uint16(b[2:]) == kind {
			return b[4:size]
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// ask sends one request and returns the payload of the answer, nothing when the
// kernel knows of no such socket.
func (d *diag) ask(payload []byte) ([]byte, error) {
	if err := d.send(payload, 0); err != nil {
		return nil, err
	}
	for {
		n, err := d.receive(d.buf[:])
		if err != nil {
			return nil, err
		}
		if answer, ok, err := d.answer(d.buf[:n]); ok || err != nil {
			return answer, err
		}
	}
}

func (d *diag) send(payload []byte, flags uint16) error {
	d.seq++
	msg := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(payload))
	binary.NativeEndian.PutUint32(msg[0:], uint32(cap(msg)))
	binary.NativeEndian.PutUint16(msg[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|flags)
	binary.NativeEndian.PutUint32(msg[8:], d.seq)
	if err := unix.Sendto(d.fd, append(msg, payload...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("cannot ask the kernel for connections: %w", err)
	}
	return nil
}

func (d *diag) receive(buf []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(d.fd, buf, 0)
		if err == nil {
			return n, nil
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("cannot ask the kernel for connections: %w", err)
		}
	}
}

// answer takes apart one netlink(7) message; not ok when it answers another
// request.
func (d *diag) answer(b []byte) (payload []byte, ok bool, err error) {
	if len(b) < unix.NLMSG_HDRLEN || binary.NativeEndian.Uint32(b[8:]) != d.seq {
		return nil, false, nil
	}
	size := int(binary.NativeEndian.Uint32(b))
	if size < unix.NLMSG_HDRLEN || size > len(b) {
		return nil, false, fmt.Errorf("cannot read the kernel's answer about connections: %d of %d bytes", len(b), size)
	}
	payload = b[unix.NLMSG_HDRLEN:size]
	if binary.NativeEndian.Uint16(b[4:]) == unix.NLMSG_ERROR {
		return nil, true, errorIn(payload)
	}
	return payload, true, nil
}

// errorIn reads the number that an error, or the end of a dump, begins with. ENOENT is
// none: there is no such socket, or the kernel has no such protocol.
func errorIn(payload []byte) error {
	if len(payload) < 4 {
		return nil
	}
	if errno := unix.Errno(-int32(binary.NativeEndian.Uint32(payload))); errno != 0 && errno != unix.ENOENT {
		return fmt.Errorf("cannot ask the kernel for connections: %w", errno)
	}
	return nil
}
