package ready

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeLimit is the longest that one probe takes, whatever its context allows.
const ProbeLimit = 30 * time.Second

// ErrElsewhere says that a process answered that does not belong: another
// generation, most likely. Ask again, and sooner or later another answers.
var ErrElsewhere = errors.New("another generation answered")

// Target is the listener to probe, as bound: tcp with HOST:PORT, unix with a
// path or @ABSTRACT. An unspecified host (0.0.0.0, ::) is asked on loopback.
type Target struct{ Network, Address string }

// Probe asks once, over a connection of its own, and looks which process
// accepted it. It returns nil when that process belongs, and, for [KindHTTP],
// its answer has a good status. Who calls it calls it again until a process of
// the new generation answers: generations share the socket, so it is not for us
// to choose. belongs is called from the calling goroutine.
//
//  1. Connect, and say nothing yet: who reads only once would answer the half of
//     a request, and be gone before we know who it was.
//  2. Ask the kernel which socket is at the other end (accepted.go) until there
//     is one, and look who holds it. Not ours: over.
//  3. If nobody has it after silence, for http send the request but for its last
//     line: enough to wake a socket with TCP_DEFER_ACCEPT, too little for most
//     to answer it.
//  4. Send the rest, read the status.
func Probe(ctx context.Context, how How, target Target, belongs func(pid int) bool) error {
	if how.Kind != KindHTTP && how.Kind != KindTCP {
		return fmt.Errorf("cannot probe by %q: only http and tcp ask over a connection", how.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, ProbeLimit)
	defer cancel()
	if err := probe(ctx, how, target, belongs); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		return fmt.Errorf("cannot probe %s on %s: %w", how, target.Address, err)
	}
	return nil
}

func probe(ctx context.Context, how How, target Target, belongs func(pid int) bool) error {
	c, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer c.Close()
	// One deadline for all that follows: when ctx ends, so does every read.
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var request []byte
	wake := func() error { return nil }
	if how.Kind == KindHTTP {
		request = []byte(how.request())
		wake = func() error {
			n, err := c.Write(request[:len(request)-2])
			request = request[n:]
			return err
		}
	}
	if err := answeredBy(ctx, c, belongs, wake); err != nil || how.Kind == KindTCP {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	return how.judge(c)
}

// silence is how long a server may take to accept before it is woken by data.
const silence = 100 * time.Millisecond

func connect(ctx context.Context, target Target) (net.Conn, error) {
	address := target.Address
	switch target.Network {
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			// A socket on :: may or may not take IPv4; one on 0.0.0.0 takes no IPv6.
			if host = "127.0.0.1"; ip != nil && ip.To4() == nil {
				host = "::1"
			}
		}
		address = net.JoinHostPort(host, port)
	case "unix":
		address = strings.TrimPrefix(address, "unix:")
	default:
		return nil, fmt.Errorf("a %s socket has no connections", target.Network)
	}
	var d net.Dialer
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, target.Network, address)
}

// answeredBy waits until the connection is accepted, and looks by whom; it calls
// wake once when that takes long.
func answeredBy(ctx context.Context, c net.Conn, belongs func(pid int) bool, wake func() error) error {
	ends, err := endsOf(c)
	if err != nil {
		return err
	}
	d, err := openDiag()
	if err != nil {
		return err
	}
	defer d.close()
	// Nothing tells when a connection is accepted at the far end: look, first
	// often, then less so.
	pause := time.NewTimer(0)
	defer pause.Stop()
	late := time.NewTimer(silence)
	defer late.Stop()
	for wait := 500 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		select {
		case <-pause.C:
		case <-late.C:
			if err := wake(); err != nil {
				return err
			}
			continue // the pause goes on
		case <-ctx.Done():
			return errors.New("the connection was not accepted")
		}
		ino, err := ends.accepted(d)
		if err != nil {
			return err
		}
		if ino != 0 {
			return holder(ino, belongs)
		}
		if closed(c) {
			return errors.New("the connection was closed before it could be seen by whom")
		}
		pause.Reset(wait)
	}
}

// closed says that the other end closed or reset the connection.
func closed(c net.Conn) bool {
	rc, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = rc.Control(func(fd uintptr) {
		// Not a read: what it answered before may still be unread (poll(2)).
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(p, 0)
		gone = n > 0 || (err != nil && err != unix.EINTR)
	})
	return gone || err != nil
}
