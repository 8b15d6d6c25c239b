package ready

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Lists of sockets: a request with NLM_F_DUMP is answered with one message for
// each socket that fits, and NLMSG_DONE (netlink(7), sock_diag(7)).

// What x/sys/unix does not have of linux/inet_diag.h and linux/unix_diag.h.
const (
	reqProtocol = 3 // INET_DIAG_REQ_PROTOCOL: for what does not fit into the 8 bits of the request
	showName    = 1 // UDIAG_SHOW_NAME
	showVFS     = 2 // UDIAG_SHOW_VFS
	attrName    = 0 // UNIX_DIAG_NAME
	attrVFS     = 1 // UNIX_DIAG_VFS
	atInetSport = 4 // offsets in struct inet_diag_msg
	atInetSrc   = 8
	atUnixInode = 4 // offset in struct unix_diag_msg
)

// States of net/tcp_states.h, as sets. Connections without those that no process
// can hold: TIME_WAIT, and what waits to be accepted.
const (
	listens  = 1 << 10
	connects = 1<<1 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11 // ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING
)

// dumpBuffer is what one datagram of a dump may have at most (af_netlink.c).
const dumpBuffer = 32 << 10

// dump calls see with each message of the answer until it says no more.
func dump(payload []byte, see func(msg []byte)) error {
	d, err := openDiag()
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.send(payload, unix.NLM_F_DUMP); err != nil {
		return err
	}
	buf := make([]byte, dumpBuffer)
	for {
		n, err := d.receive(buf)
		if err != nil {
			return err
		}
		if over, err := d.part(buf[:n], see); over || err != nil {
			return err
		}
	}
}

// part takes apart one datagram of a dump; over when nothing more is to come.
func (d *diag) part(b []byte, see func(msg []byte)) (over bool, err error) {
	for len(b) > 0 {
		size := 0
		if len(b) >= unix.NLMSG_HDRLEN {
			size = int(binary.NativeEndian.Uint32(b))
		}
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true, fmt.Errorf("cannot read the kernel's answer about connections: %d of %d bytes", len(b), size)
		}
		msg, kind := b[unix.NLMSG_HDRLEN:size], binary.NativeEndian.Uint16(b[4:])
		ours := binary.NativeEndian.Uint32(b[8:]) == d.seq
		b = b[min((size+3)&^3, len(b)):]
		switch {
		case !ours:
		case kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR:
			return true, errorIn(msg)
		default:
			see(msg)
		}
	}
	return false, nil
}

// inetSockets calls see with each TCP socket (or MPTCP, which has protocol numbers
// beyond 8 bits) in one of the states, at a local port unless that is 0.
func inetSockets(family uint8, protocol uint32, states uint32, port uint16, see func(ino uint64, local netip.AddrPort)) error {
	req := make([]byte, sizeInetReq, sizeInetReq+8)
	req[0], req[1] = family, uint8(min(protocol, unix.IPPROTO_RAW))
	binary.NativeEndian.PutUint32(req[4:], states)
	binary.BigEndian.PutUint16(req[8:], port)
	if protocol > unix.IPPROTO_RAW {
		req = binary.NativeEndian.AppendUint16(req, 8)
		req = binary.NativeEndian.AppendUint16(req, reqProtocol)
		req = binary.NativeEndian.AppendUint32(req, protocol)
	}
	return dump(req, func(msg []byte) {
		if len(msg) < sizeInetMsg {
			return
		}
		ip := netip.AddrFrom16([16]byte(msg[atInetSrc:]))
		if family == unix.AF_INET {
			ip = netip.AddrFrom4([4]byte(msg[atInetSrc:]))
		}
		local := netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(msg[atInetSport:]))
		see(uint64(binary.NativeEndian.Uint32(msg[atInetInode:])), local)
	})
}

// unixSockets calls see with each unix socket in one of the states that has a name.
// file tells two apart that were bound at the same path, one after the other.
func unixSockets(states uint32, see func(ino uint64, name, file string)) error {
	req := make([]byte, sizeUnixReq)
	req[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(req[4:], states)
	binary.NativeEndian.PutUint32(req[12:], showName|showVFS)
	return dump(req, func(msg []byte) {
		if len(msg) < sizeUnixMsg {
			return
		}
		name := attribute(msg[sizeUnixMsg:], attrName)
		if len(name) == 0 {
			return
		}
		if name[0] != 0 { // a path; in an abstract name NULs count
			name = bytes.TrimRight(name, "\x00")
		}
		ino := uint64(binary.NativeEndian.Uint32(msg[atUnixInode:]))
		see(ino, string(name), string(attribute(msg[sizeUnixMsg:], attrVFS)))
	})
}
