package handoff

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// oneAddress says whether l is bound to one address of this host that can go away; l.mu is held.
func (l *Listener) oneAddress() bool {
	a, err := netip.ParseAddrPort(l.address)
	return err == nil && !a.Addr().IsUnspecified() && !a.Addr().IsLoopback() && !l.spec.Options.FreeBind
}

// lostAddress asks the kernel whether it would bind the address of l once more; l.mu is held.
func (l *Listener) lostAddress() error {
	if !l.oneAddress() {
		return nil
	}
	a, err := netip.ParseAddrPort(l.address)
	if err != nil {
		return err
	}
	fd, err := bindInet(UDP, netip.AddrPortFrom(a.Addr(), 0), Options{})
	switch {
	case err == nil:
		return unix.Close(fd)
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV):
		return &hinted{fmt.Errorf("this host has lost the address: %w", err), "see `ip address`; when it comes back the listener serves again"}
	}
	return nil
}

// watchAddresses opens the rtnetlink socket; w.mu is held.
func (w *Watch) watchAddresses() error {
	if w.route >= 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err == nil {
		fd, err = lift(fd)
	}
	if err != nil {
		return fmt.Errorf("cannot watch addresses: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR})
	if err == nil {
		err = unix.EpollCtl(w.setFD, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("cannot watch addresses: %w", err)
	}
	w.route = fd
	return nil
}

// handleAddresses reads over what changed and asks for each listener; false when the watch is closed.
func (w *Watch) handleAddresses(route int) bool {
	b := make([]byte, 16<<10)
	if _, _, err := unix.Recvfrom(route, b, 0); errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return true // ENOBUFS means that some were lost, so that one looks too
	}
	for _, l := range w.all() {
		l.mu.Lock()
		lost := len(l.fds) > 0 && !l.sealed && l.lostAddress() != nil
		l.mu.Unlock()
		if lost && !w.tell(Trouble{l, "lost its address"}) {
			return false
		}
	}
	return true
}
