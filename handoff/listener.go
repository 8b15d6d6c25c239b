package handoff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is one address with its sockets. It owns its descriptors and its unix names; all methods may be called from any goroutine.
type Listener struct {
	mu        sync.Mutex
	spec      Spec
	network   string // the real one: never Inherited
	address   string // as bound
	fds       []int  // numbers never change, also when a unix socket is bound anew
	inodes    []uint64
	inherited bool // the address belongs to the service manager
	sealed    bool
	settled   int    // the backlog as the kernel took it, 0 when we never set one
	nonblock  bool   // how O_NONBLOCK stood when last seen right
	names     *names // of a unix path that is ours
	dir       string // of that path, for life
	watch     *Watch
}

// ErrClosed is what methods of a closed Listener return.
var ErrClosed = errors.New("the listener is closed")

// Open binds and listens. While the address is in use, or not on this host yet, it tries as often as the options say; ctx ends the wait.
// Errors are *Error. For an inherited Spec see Inherit and Claim.
func Open(ctx context.Context, s Spec) (*Listener, error) {
	if err := s.Validate(); err != nil {
		return nil, &Error{Op: "bind", Spec: s.String(), Err: err}
	}
	if s.Network == Inherited {
		return nil, &Error{Op: "bind", Spec: s.String(), Err: errors.New("it is inherited, not bound"), Hint: "was herder started with LISTEN_FDS?"}
	}
	delay := s.Options.Delay
	if delay == 0 {
		delay = DefaultDelay
	}
	for try := 1; ; try++ {
		l, err := open(ctx, s)
		if err == nil || try >= s.Options.Tries || !passing(err) {
			return l, err
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w (gave up after try %d: %w)", err, try, ctx.Err())
		}
	}
}

// passing are the errors that time may heal: another process goes, an interface comes.
func passing(err error) bool {
	return errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func open(ctx context.Context, s Spec) (*Listener, error) {
	l := &Listener{spec: s, network: s.Network, nonblock: s.Options.Wait == NonBlocking}
	var err error
	switch {
	case s.Network == TCP, s.Network == UDP:
		err = l.openInet(ctx)
	case s.Address[0] == '@':
		err = l.openAbstract()
	default:
		err = l.openPath()
	}
	if err == nil {
		err = l.settle()
	}
	if err != nil {
		_ = l.Close()
		return nil, l.explain("bind", err)
	}
	return l, nil
}

// settle reads back what the kernel made of the new sockets.
func (l *Listener) settle() error {
	l.inodes = l.inodes[:0]
	for _, fd := range l.fds {
		if err := unix.SetNonblock(fd, l.nonblock); err != nil {
			return fmt.Errorf("set O_NONBLOCK: %w", err)
		}
		ino, err := inodeOf(fd)
		if err != nil {
			return err
		}
		l.inodes = append(l.inodes, ino)
	}
	address, err := addressOf(l.fds[0])
	if err != nil {
		return err
	}
	if l.names != nil { // getsockname tells the private name, which nobody needs to know
		address = l.names.public()
	}
	l.address = address
	if l.stream() {
		_, l.settled, err = queueOf(l.network, l.fds[0], l.inodes[0])
		if err != nil { // no netlink here (a sandbox): then the backlog is not watched
			l.settled = 0
		}
	}
	return nil
}

func (l *Listener) stream() bool { return l.network == TCP || l.network == Unix }

// explain wraps err with the name of the listener, who holds the address, and the next step.
func (l *Listener) explain(op string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	e := &Error{Op: op, Spec: l.spec.Network + ":" + l.spec.Address, Err: err, Hint: hintFor(err)}
	var hinted *hinted
	if errors.As(err, &hinted) {
		e.Hint = hinted.hint
	}
	if errors.Is(err, unix.EADDRINUSE) {
		e.Owner = ownerOf(l.spec)
	}
	return e
}

// hinted is an error that knows a better next step than its errno does.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Name is the Spec's, or the default one.
func (l *Listener) Name() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spec.DefaultName()
}

// Spec is what the Listener was opened for; of an inherited one that nobody claimed, its Network is Inherited.
func (l *Listener) Spec() Spec {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spec
}

// Network is the kind of the socket: TCP, UDP, Unix, Unixgram.
func (l *Listener) Network() string { return l.network }

// Address is what is really bound: HOST:PORT with the port the kernel chose, the public path, or @ABSTRACT.
func (l *Listener) Address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// Inherited says whether the address belongs to a service manager, and so outlives us.
func (l *Listener) Inherited() bool { return l.inherited }

// FDs are the descriptors, n of them with reuseport=n. They stay the Listener's: do not close them, and do not wrap them in an os.File.
func (l *Listener) FDs() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.fds)
}

// Inodes are those of the sockets, in the order of FDs; /proc/PID/fd and sock_diag(7) know sockets by them. They change when Repair has to
// bind a unix path anew.
func (l *Listener) Inodes() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.inodes)
}

// Close closes the descriptors and removes the unix names that are still ours. Processes which inherited the socket keep theirs.
func (l *Listener) Close() error {
	l.mu.Lock()
	w := l.watch
	l.mu.Unlock()
	if w != nil {
		w.Remove(l)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if l.names != nil {
		errs = append(errs, l.names.remove())
		l.names = nil
	}
	for _, fd := range l.fds {
		errs = append(errs, unix.Close(fd))
	}
	l.fds = nil
	return errors.Join(errs...)
}
