package handoff

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Seal admits no new connection, while those in the queue, and those in the middle of a handshake, can still be accepted: it comes before
// the last stop, because the last close(2) of a listener resets what is queued. Wait until Queue says 0, then end the workers.
//
//   - tcp: a filter drops SYN segments. A client gets no answer, and tries again by itself, after 1 s and later (tcp(7), tcp_syn_retries):
//     when the next herder listens by then it never knows. (Linux 6.18 wants CAP_NET_ADMIN for that; older ones let everybody do it.)
//   - udp: a filter drops every new datagram.
//   - a unix path: both names are removed; who connects now gets ENOENT.
//   - an abstract unix stream: it is shut down for reading; who connects is refused, and accept(2) fails with EINVAL once the queue is
//     empty. An abstract unixgram cannot be sealed.
//   - inherited: nothing. The service manager keeps the socket and its queue for the one that it starts next.
//
// Sealing twice is no error.
func (l *Listener) Seal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return ErrClosed
	}
	if l.sealed || l.inherited {
		return nil
	}
	l.sealed = true
	if err := l.seal(); err != nil {
		return l.explain("seal", err)
	}
	return nil
}

func (l *Listener) seal() error {
	switch {
	case l.network == TCP:
		return l.filter(dropSYN())
	case l.network == UDP:
		return l.filter([]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}})
	case l.names != nil:
		return l.names.remove()
	case l.network == Unix:
		if err := unix.Shutdown(l.fds[0], unix.SHUT_RD); err != nil {
			return fmt.Errorf("shutdown: %w", err)
		}
		return nil
	}
	l.sealed = false
	return fmt.Errorf("an abstract datagram socket: %w", errors.ErrUnsupported)
}

// Unseal takes back the seal of a tcp or udp Listener; the others have lost their name, and must be opened anew (errors.ErrUnsupported).
func (l *Listener) Unseal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return ErrClosed
	}
	if !l.sealed {
		return nil
	}
	if l.network != TCP && l.network != UDP {
		return l.explain("unseal", errors.ErrUnsupported)
	}
	for _, fd := range l.fds {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return l.explain("unseal", fmt.Errorf("SO_DETACH_FILTER: %w", err))
		}
	}
	l.sealed = false
	return nil
}

func (l *Listener) filter(program []unix.SockFilter) error {
	for _, fd := range l.fds {
		err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
		if err != nil {
			return unfiltered(err)
		}
	}
	return nil
}

func unfiltered(err error) error {
	err = fmt.Errorf("SO_ATTACH_FILTER: %w", err)
	if errors.Is(err, unix.EPERM) {
		return &hinted{err, "a kernel as new as this one wants CAP_NET_ADMIN for a filter on a TCP socket"}
	}
	return err
}

// dropSYN drops segments with SYN and without ACK. A TCP socket's filter sees the segment from its TCP header on, where byte 13 holds the
// flags (RFC 9293, 3.1). All others must pass: the listener's filter also judges the ACK that ends a handshake (tcp_v4_rcv).
func dropSYN() []unix.SockFilter {
	const flags, syn, ack, all = 13, 0x02, 0x10, 0x40000
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: all},
	}
}
