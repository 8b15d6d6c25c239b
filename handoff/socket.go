package handoff

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// newSocket makes a socket that no child inherits by accident, and that is none of stdin, stdout, stderr: when herder is started with one
// of these closed, socket(2) would return it, and what is printed would go to a client.
func newSocket(domain, kind, protocol int) (int, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	return lift(fd)
}

// lift moves fd out of 0 to 2.
func lift(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	_ = unix.Close(fd)
	if err != nil {
		return -1, fmt.Errorf("dup: %w", err)
	}
	return high, nil
}

// setAll applies the options of the sockets layer and of TCP. All must be there before listen(2): the buffers, because they limit
// the window scale that a connection offers in its handshake (tcp(7)); the others, because connections inherit them.
func setAll(fd int, network string, o Options) error {
	seconds := int(o.DeferAccept / time.Second)
	for _, s := range []struct {
		on              bool
		name            string
		level, opt, val int
	}{
		// Not for UDP: there it would let two processes bind one port, and the second steal from the first (socket(7)).
		{network == TCP, "SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{o.ReusePort > 0, "SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
		{o.RcvBuf > 0, "SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, o.RcvBuf},
		{o.SndBuf > 0, "SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, o.SndBuf},
		{o.KeepAlive, "SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{o.NoDelay, "TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{seconds > 0, "TCP_DEFER_ACCEPT", unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds},
		{o.FastOpen > 0, "TCP_FASTOPEN", unix.IPPROTO_TCP, unix.TCP_FASTOPEN, o.FastOpen},
		{o.FreeBind, "IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1},
	} {
		if !s.on {
			continue
		}
		if err := unix.SetsockoptInt(fd, s.level, s.opt, s.val); err != nil {
			return fmt.Errorf("set %s: %w", s.name, err)
		}
	}
	if o.Device != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, o.Device); err != nil {
			return fmt.Errorf("bind to device %s: %w", o.Device, err)
		}
	}
	return nil
}

func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("fstat fd %d: %w", fd, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return 0, fmt.Errorf("fd %d is not a socket", fd)
	}
	return st.Ino, nil
}

// addressOf is the bound address in our own spelling.
func addressOf(fd int) (string, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", fmt.Errorf("getsockname: %w", err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String(), nil
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			ip = ip.WithZone(strconv.Itoa(int(a.ZoneId)))
		}
		return netip.AddrPortFrom(ip, uint16(a.Port)).String(), nil
	case *unix.SockaddrUnix:
		return a.Name, nil
	}
	return "", fmt.Errorf("an address of kind %T", sa)
}
