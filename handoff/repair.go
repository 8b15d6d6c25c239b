package handoff

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Repair puts back what others changed on the shared socket, and says in words what it mended:
//
//   - a listener that somebody shut down (any holder can, for all): listen(2) again; a unix path is bound anew, which changes Inodes, and
//     then the processes that serve hold a dead socket: start a new generation;
//   - a backlog that somebody's listen(2) changed, when one was asked for, or when it got smaller than the default;
//   - O_NONBLOCK cleared under those who need it. Who sets it makes that the new normal: to clear it again would freeze an event loop;
//   - a public or private unix name that vanished.
//
// An address that this host no longer has cannot be mended, and is an error until it comes back; the listener serves again then by itself.
//
// It does nothing to a sealed Listener. What it could not mend is the error; the rest was mended all the same.
func (l *Listener) Repair() (mended []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return nil, ErrClosed
	}
	if l.sealed {
		return nil, nil
	}
	var errs []error
	for i := range l.fds {
		m, err := l.repairSocket(i)
		mended, errs = append(mended, m...), append(errs, err)
	}
	if l.names != nil {
		m, err := l.repairNames()
		mended, errs = append(mended, m...), append(errs, err)
	}
	errs = append(errs, l.lostAddress())
	if l.watch != nil {
		errs = append(errs, l.watch.arm(l))
	}
	if err := errors.Join(errs...); err != nil {
		return mended, l.explain("repair", err)
	}
	return mended, nil
}

// repairSocket mends what belongs to the socket.
func (l *Listener) repairSocket(i int) (mended []string, err error) {
	fd := l.fds[i]
	down, err := shutDown(l.network, fd)
	if err != nil {
		return nil, err
	}
	switch {
	case down && l.network == TCP:
		if err := unix.Listen(fd, l.spec.Options.backlog()); err != nil {
			return nil, fmt.Errorf("somebody shut it down, and listen again: %w", err)
		}
		mended = append(mended, "it was shut down by somebody and listens again")
	case down && l.names != nil:
		if err := l.rebind(); err != nil {
			return nil, fmt.Errorf("somebody shut it down, and bind anew: %w", err)
		}
		mended = append(mended, "it was shut down by somebody and is bound anew: who serves it must be started again")
	case down:
		return nil, &hinted{errors.New("somebody shut it down, and it cannot be bound anew while others hold it"), "end all who hold it, then start again"}
	}
	m, err1 := l.repairBacklog(i)
	n, err2 := l.repairFlags(fd)
	return append(append(mended, m...), n...), errors.Join(err1, err2)
}

// shutDown says whether a stream listener no longer listens. A TCP one leaves the state (SO_ACCEPTCONN, inet_shutdown); a unix one
// stays in it and only refuses, which poll(2) shows as POLLRDHUP.
func shutDown(network string, fd int) (bool, error) {
	switch network {
	case TCP, Unix:
		on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err != nil {
			return false, fmt.Errorf("SO_ACCEPTCONN: %w", err)
		}
		if on == 0 || network == TCP {
			return on == 0, nil
		}
	default:
		return false, nil
	}
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		_, err := unix.Poll(p, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("poll: %w", err)
		}
		return p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0, nil
	}
}

// repairBacklog calls listen(2) once more, which is allowed on a live listener and loses nothing.
func (l *Listener) repairBacklog(i int) ([]string, error) {
	if !l.stream() || l.inherited && l.spec.Options.Backlog == 0 {
		return nil, nil
	}
	_, now, err := queueOf(l.network, l.fds[i], l.inodes[i])
	if err != nil {
		return nil, nil // no netlink here: then it is not watched
	}
	want := l.granted()
	if now == want || l.spec.Options.Backlog == 0 && now > want {
		return nil, nil
	}
	if err := unix.Listen(l.fds[i], l.spec.Options.backlog()); err != nil {
		return nil, fmt.Errorf("put back the backlog: listen: %w", err)
	}
	_, got, err := queueOf(l.network, l.fds[i], l.inodes[i])
	if err != nil {
		return nil, err
	}
	l.settled = got
	if got == now {
		return nil, nil // somaxconn
	}
	return []string{fmt.Sprintf("somebody's listen(2) made the backlog %d, it is %d again", now, got)}, nil
}

func (l *Listener) repairFlags(fd int) ([]string, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, fmt.Errorf("read its flags: %w", err)
	}
	is := flags&unix.O_NONBLOCK != 0
	switch want := l.spec.Options.Wait; {
	case is == l.nonblock:
		return nil, nil
	case is && want != Blocking:
		l.nonblock = true
		return nil, nil
	}
	if err := unix.SetNonblock(fd, l.nonblock); err != nil {
		return nil, fmt.Errorf("put back O_NONBLOCK: %w", err)
	}
	if is {
		return []string{"somebody set O_NONBLOCK, it is blocking again"}, nil
	}
	return []string{"somebody cleared O_NONBLOCK, it is set again"}, nil
}

// repairNames makes each of the two names from the other.
func (l *Listener) repairNames() ([]string, error) {
	n := l.names
	d, err := openDir(n.dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	public, private := n.has(d, n.base), n.private == "" || n.has(d, n.private)
	switch {
	case public && private:
		return nil, nil
	case public:
		if err := unix.Linkat(d.fd, n.base, d.fd, n.private, 0); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("link %s again: %w", n.private, err)
		}
		return []string{"the private name was removed by somebody and is linked again"}, nil
	case private && n.private != "":
		if err := n.publish(d); err != nil {
			return nil, err
		}
		return []string{"the public name was removed by somebody and is linked again"}, nil
	}
	if err := l.rebind(); err != nil {
		return nil, fmt.Errorf("both names were removed, and bind anew: %w", err)
	}
	return []string{"both names were removed by somebody and it is bound anew: who serves it must be started again"}, nil
}

func (n *names) has(d *directory, name string) bool {
	st, err := d.stat(name)
	return err == nil && n.is(&st)
}

// rebind makes a new socket for a unix path, under the old descriptor's number.
func (l *Listener) rebind() error {
	fd, n, err := bindPath(l.network, l.names.public(), l.spec.Options)
	if err != nil {
		return err
	}
	_ = l.names.remove() // the private name; the public one is the new socket's by now
	l.names = n
	return l.replace(fd)
}

// replace puts fd under the number of our first descriptor.
func (l *Listener) replace(fd int) error {
	if l.watch != nil {
		l.watch.drop(l)
	}
	err := unix.Dup3(fd, l.fds[0], unix.O_CLOEXEC)
	_ = unix.Close(fd)
	if err != nil {
		return fmt.Errorf("dup: %w", err)
	}
	return l.settle()
}
