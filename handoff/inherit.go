package handoff

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What a service manager says (sd_listen_fds(3)):
//
//  1. LISTEN_FDS=n: the descriptors 3 to 3+n-1 are for the process named by LISTEN_PID, and for no other, because children inherit
//     environments. LISTEN_PIDFDID, newer, names the same process by the inode of its pidfd, which is never used again.
//  2. LISTEN_FDNAMES=a:b:c: their names, as many as there are descriptors. Two may have the same name.

const (
	firstFD   = 3
	maxListen = 1024 // the most descriptors we believe in
)

// listenEnv reads the variables. n is 0 when nothing is passed to pid.
func listenEnv(environ []string, pid int) (n int, names []string, err error) {
	count, ok := lookup(environ, "LISTEN_FDS")
	who, told := lookup(environ, "LISTEN_PID")
	if !ok || !told {
		return 0, nil, nil
	}
	p, err := strconv.ParseUint(who, 10, 31)
	if err != nil || p == 0 {
		return 0, nil, fmt.Errorf("LISTEN_PID=%s is not a pid", brief(who))
	}
	if int(p) != pid {
		return 0, nil, nil
	}
	c, err := strconv.ParseUint(count, 10, 31)
	if err != nil || c > maxListen {
		return 0, nil, fmt.Errorf("LISTEN_FDS=%s is not a number from 0 to %d", brief(count), maxListen)
	}
	n = int(c)
	text, named := lookup(environ, "LISTEN_FDNAMES")
	if !named || n == 0 {
		for i := range n {
			names = append(names, "LISTEN_FD_"+strconv.Itoa(firstFD+i)) // as go-systemd's activation names them
		}
		return n, names, nil
	}
	names = strings.Split(text, ":")
	if len(names) != n {
		return 0, nil, fmt.Errorf("LISTEN_FDNAMES has %d names (%s) for LISTEN_FDS=%d sockets", len(names), brief(text), n)
	}
	return n, names, nil
}

func lookup(environ []string, key string) (string, bool) {
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

func brief(s string) string {
	return strconv.Quote(s[:min(len(s), 60)])
}

// Inherit takes the sockets which a service manager passed to us, the process pid. No LISTEN_FDS, or one for another process, is no error
// and no listeners. The descriptors become CLOEXEC and are otherwise kept as given. When one of them cannot be served on, all are left
// alone and the error says which and why. Call it once, before anything else opens descriptors.
func Inherit(environ []string, pid int) ([]*Listener, error) {
	n, names, err := listenEnv(environ, pid)
	if err != nil {
		return nil, fmt.Errorf("cannot inherit listeners: %w", err)
	}
	if n == 0 || !samePidfd(environ, pid) {
		return nil, nil
	}
	ls := make([]*Listener, 0, n)
	for i, name := range names {
		l, err := inheritFD(firstFD+i, name)
		if err != nil {
			return nil, &Error{
				Op: "inherit", Spec: fmt.Sprintf("%q (fd %d)", name, firstFD+i), Err: err,
				Hint: "see the .socket unit, or whatever set LISTEN_FDS",
			}
		}
		ls = append(ls, l)
	}
	for _, l := range ls {
		unix.CloseOnExec(l.fds[0])
	}
	return ls, nil
}

// samePidfd compares LISTEN_PIDFDID. Where the kernel has no pidfs its inodes mean nothing, and LISTEN_PID has to be enough.
func samePidfd(environ []string, pid int) bool {
	text, ok := lookup(environ, "LISTEN_PIDFDID")
	want, err := strconv.ParseUint(text, 10, 64)
	if !ok || err != nil {
		return true
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	const pidfsMagic = 0x50494446 // PID_FS_MAGIC, linux/magic.h
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) != nil || fs.Type != pidfsMagic || unix.Fstat(fd, &st) != nil {
		return true
	}
	return st.Ino == want
}

// inheritFD looks at one descriptor.
func inheritFD(fd int, name string) (*Listener, error) {
	ino, err := inodeOf(fd)
	if err != nil {
		if errors.Is(err, unix.EBADF) {
			return nil, errors.New("it is not open")
		}
		return nil, err
	}
	if err := validName(name); err != nil || name == "" {
		return nil, fmt.Errorf("it has no usable name: %w", err)
	}
	network, err := networkOf(fd)
	if err != nil {
		return nil, err
	}
	l := &Listener{spec: Spec{Name: name, Network: Inherited, Address: name}, network: network, fds: []int{fd}, inodes: []uint64{ino}, inherited: true}
	if l.address, err = addressOf(fd); err != nil {
		return nil, err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, fmt.Errorf("read its flags: %w", err)
	}
	l.nonblock = flags&unix.O_NONBLOCK != 0
	return l, nil
}

// networkOf says what a socket is, and refuses those on which nobody can serve.
func networkOf(fd int) (string, error) {
	domain, err1 := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	kind, err2 := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err := errors.Join(err1, err2); err != nil {
		return "", fmt.Errorf("read its kind: %w", err)
	}
	inet := domain == unix.AF_INET || domain == unix.AF_INET6
	var network string
	switch {
	case inet && kind == unix.SOCK_STREAM:
		network = TCP
	case inet && kind == unix.SOCK_DGRAM:
		return UDP, nil
	case domain == unix.AF_UNIX && kind == unix.SOCK_STREAM:
		network = Unix
	case domain == unix.AF_UNIX && kind == unix.SOCK_DGRAM:
		return Unixgram, nil
	default:
		return "", fmt.Errorf("a socket of family %d and type %d is not one of tcp, udp, unix, unixgram", domain, kind)
	}
	if _, err := unix.Getpeername(fd); err == nil {
		return "", errors.New("it is a connection, not a listener (Accept=yes in the .socket unit?)")
	}
	if down, err := shutDown(network, fd); err != nil {
		return "", err
	} else if down {
		return "", errors.New("it does not listen, or was shut down")
	}
	return network, nil
}

// Claim finds the inherited listener for a Spec: by name when its Network is Inherited, or else by its address, so that what the service
// manager passed is not bound a second time. The listener takes the name and options of the Spec. Not found is an error for an Inherited
// Spec, and (nil, nil) for others: those are for Open.
func Claim(ls []*Listener, s Spec) (*Listener, error) {
	var found []*Listener
	var names []string
	for _, l := range ls {
		names = append(names, l.Name())
		if l.answers(s) {
			found = append(found, l)
		}
	}
	refuse := func(err error) (*Listener, error) { return nil, &Error{Op: "claim", Spec: s.String(), Err: err} }
	switch {
	case len(found) > 1:
		return refuse(fmt.Errorf("%d inherited sockets answer to it: give them names of their own (FileDescriptorName=)", len(found)))
	case len(found) == 1:
		return found[0], found[0].take(s)
	case s.Network != Inherited:
		return nil, nil
	case len(names) == 0:
		return refuse(errors.New("no sockets were inherited (LISTEN_FDS)"))
	}
	return refuse(fmt.Errorf("no inherited socket has that name (there are %s)", strings.Join(names, ", ")))
}

func (l *Listener) answers(s Spec) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Network == Inherited {
		return l.inherited && l.spec.Network == Inherited && l.spec.Address == s.Address
	}
	return l.inherited && s.SameAddress(Spec{Network: l.network, Address: l.address})
}

// take gives an inherited listener the name and options of s.
func (l *Listener) take(s Spec) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Name == "" {
		s.Name = l.spec.Name
	}
	l.spec = s
	l.nonblock = s.Options.Wait == NonBlocking || l.nonblock && s.Options.Wait != Blocking
	_, err := l.repairSocket(0)
	if err != nil {
		return l.explain("claim", err)
	}
	return nil
}
