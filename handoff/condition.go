package handoff

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Condition is how a Listener stands at one moment, beside how it should.
type Condition struct {
	Sealed bool // closed on purpose: the rest does not matter
	Down   bool // somebody shut it down

	NonBlocking bool // O_NONBLOCK is set
	Want        Wait // which way it must stand: as asked for, or as its holders have come to count on; WaitAny: both will do

	Backlog int // as it is, the smallest of all sockets; 0: it has none, or that cannot be seen
	Granted int // as it should be: what the kernel made of what was asked, or of the default; 0: nobody has a say in it
	Asked   int // what the options ask for; 0: nothing

	NoPublic bool  // the name of the unix path is gone, or another file's
	Lost     error // the host has lost the address it is bound to
}

// Condition looks without mending anything, which is what Repair is for.
func (l *Listener) Condition() (Condition, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return Condition{}, ErrClosed
	}
	c := Condition{Sealed: l.sealed, Asked: l.spec.Options.Backlog, Want: l.spec.Options.Wait, Lost: l.lostAddress()}
	if c.Want == WaitAny && l.nonblock {
		c.Want = NonBlocking
	}
	if !l.inherited || c.Asked > 0 {
		c.Granted = l.granted()
	}
	for i, fd := range l.fds {
		if err := l.lookAt(i, fd, &c); err != nil {
			return c, l.explain("look at", err)
		}
	}
	if l.names != nil && !l.sealed {
		d, err := lookDir(l.names.dir)
		c.NoPublic = err != nil || !l.names.has(d, l.names.base)
		if err == nil {
			d.close()
		}
	}
	return c, nil
}

// lookAt adds one socket to what is known; l.mu is held.
func (l *Listener) lookAt(i, fd int, c *Condition) error {
	down, err := shutDown(l.network, fd)
	if err != nil {
		return err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return fmt.Errorf("read its flags: %w", err)
	}
	c.Down = c.Down || down
	nonblocking := flags&unix.O_NONBLOCK != 0
	if i == 0 || nonblocking != (c.Want == NonBlocking) {
		c.NonBlocking = nonblocking // of several sockets the one that stands wrong
	}
	if !l.stream() || down {
		return nil
	}
	if _, backlog, err := queueOf(l.network, fd, l.inodes[i]); err == nil && (i == 0 || backlog < c.Backlog) {
		c.Backlog = backlog
	}
	return nil
}

// granted is the backlog that the sockets should have; l.mu is held.
func (l *Listener) granted() int {
	if !l.stream() {
		return 0
	}
	want := l.spec.Options.backlog()
	if l.settled > 0 {
		want = min(want, l.settled) // what net.core.somaxconn left of it
	}
	return want
}
