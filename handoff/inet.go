package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

func (l *Listener) openInet(ctx context.Context) error {
	addresses, err := resolve(ctx, l.spec)
	if err != nil {
		return err
	}
	for i, a := range addresses {
		err = l.bindAll(a)
		// "::" where the kernel has no IPv6: every address is every IPv4 address then.
		noIPv6 := errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
		if !noIPv6 || i == len(addresses)-1 {
			break
		}
	}
	return err
}

// resolve turns the address into those to try, in order. Without a host it is every address: an IPv6 socket that takes IPv4 as well, as
// systemd's ListenStream=PORT, or IPv4 alone on a host without IPv6. A host name means its first address, IPv4 before IPv6.
func resolve(ctx context.Context, s Spec) ([]netip.AddrPort, error) {
	host, text, _ := cutPort(s.Address)
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", text, err)
	}
	port := uint16(n)
	if host == "" || host == "*" {
		all := []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Unspecified(), port)}
		if !s.Options.IPv6Only {
			all = append(all, netip.AddrPortFrom(netip.IPv4Unspecified(), port))
		}
		return all, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), port)}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, &hinted{err, "write the address as a number, or mend the resolver"}
	}
	first := ips[0].Unmap()
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			first = ip.Unmap()
			break
		}
	}
	return []netip.AddrPort{netip.AddrPortFrom(first, port)}, nil
}

// bindAll makes the sockets, all on the same address and port.
func (l *Listener) bindAll(a netip.AddrPort) error {
	o := l.spec.Options
	if o.ReusePort > 0 && a.Port() != 0 {
		// SO_REUSEPORT shares with every process of our uid that set it too, without a word. So first ask without it.
		alone := o
		alone.ReusePort = 0
		fd, err := bindInet(l.network, a, alone)
		if err != nil {
			return err
		}
		_ = unix.Close(fd)
	}
	if a.Port() == 0 {
		fd, err := bindInet(l.network, a, o)
		if err != nil {
			return err
		}
		if a, err = portOf(fd, a); err != nil {
			_ = unix.Close(fd)
			return err
		}
		if l.network == TCP {
			// A port that bind(2) was told is kept by the socket over a shutdown(2), one that the kernel chose is lost. So bind it once
			// more by number, while this one keeps others out.
			defer unix.Close(fd)
		} else {
			l.fds = append(l.fds, fd)
		}
	}
	for len(l.fds) < max(1, o.ReusePort) {
		fd, err := bindInet(l.network, a, o)
		if err != nil {
			return err
		}
		l.fds = append(l.fds, fd)
	}
	return l.listenAll()
}

func (l *Listener) listenAll() error {
	if !l.stream() {
		return nil
	}
	for _, fd := range l.fds {
		if err := unix.Listen(fd, l.spec.Options.backlog()); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	return nil
}

// bindInet makes one bound socket. The protocol is named, because 0 might mean MPTCP to a program that wraps socket(2) (mptcpize).
func bindInet(network string, a netip.AddrPort, o Options) (int, error) {
	domain, kind, protocol := unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP
	if network == UDP {
		kind, protocol = unix.SOCK_DGRAM, unix.IPPROTO_UDP
	}
	if a.Addr().Is6() {
		domain = unix.AF_INET6
	} else if o.IPv6Only {
		return -1, errors.New("option ipv6only means nothing for an IPv4 address")
	}
	fd, err := newSocket(domain, kind, protocol)
	if err != nil {
		return -1, err
	}
	if err = prepare(fd, network, a, o); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func prepare(fd int, network string, a netip.AddrPort, o Options) error {
	if err := setAll(fd, network, o); err != nil {
		return err
	}
	if !a.Addr().Is6() {
		return bind(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()})
	}
	only := 0
	if o.IPv6Only {
		only = 1
	}
	// Always said, so that net.ipv6.bindv6only does not decide.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
		return fmt.Errorf("set IPV6_V6ONLY: %w", err)
	}
	zone, err := zoneOf(a.Addr())
	if err != nil {
		return err
	}
	return bind(fd, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zone})
}

func zoneOf(ip netip.Addr) (uint32, error) {
	if ip.Zone() == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(ip.Zone(), 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(ip.Zone())
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", ip.Zone(), err)
	}
	return uint32(i.Index), nil
}

func bind(fd int, sa unix.Sockaddr) error {
	if err := unix.Bind(fd, sa); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// portOf is a with the port that the kernel chose for fd.
func portOf(fd int, a netip.AddrPort) (netip.AddrPort, error) {
	text, err := addressOf(fd)
	if err != nil {
		return a, err
	}
	bound, err := netip.ParseAddrPort(text)
	if err != nil {
		return a, err
	}
	return netip.AddrPortFrom(a.Addr(), bound.Port()), nil
}
