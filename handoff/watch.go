package handoff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Trouble is something that Repair can mend.
type Trouble struct {
	Listener *Listener
	What     string // "was shut down", "lost its public name", …
}

// Watch tells of trouble with listeners as it happens, without polling and without a wake-up for what is no trouble:
//
//  1. An epoll(7) set holds every listening socket, asked for nothing but EPOLLRDHUP. What it always reports is EPOLLHUP: a shutdown(2).
//     A connection is EPOLLIN, so it wakes nobody. EPOLLONESHOT: each shutdown is told once; Repair arms the watch again.
//  2. The same set holds an inotify(7) descriptor for the directories of unix paths, asked only for names that go or are replaced. (Not
//     fsnotify: it cannot leave out writes, so a log file in the same directory would wake us with every line.)
//  3. And an rtnetlink(7) socket, once there is a listener on one address of this host, for addresses that come and go.
//  4. The set itself lies in the Go runtime's poller, so one goroutine waits, and no thread.
type Watch struct {
	c       chan Trouble
	done    chan struct{}
	ended   chan struct{}
	wakes   atomic.Uint64 // how often it woke: idle means idle, and a test holds it to that
	set     *os.File      // the epoll set
	setFD   int
	inotify int
	route   int // -1 until it is needed

	mu    sync.Mutex // taken after a Listener's, never before
	ls    []*Listener
	token map[int32]*Listener // by descriptor
	dirs  map[string]int      // watch descriptors
}

// aLongTimeAgo is a deadline that has passed, to end a read.
var aLongTimeAgo = time.Unix(1, 0)

const dirEvents = unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// NewWatch starts to watch the listeners. Close ends it; a Listener that is closed leaves it. A Listener has one Watch at a time.
func NewWatch(ls []*Listener) (*Watch, error) {
	w := &Watch{
		c: make(chan Trouble), done: make(chan struct{}), ended: make(chan struct{}), route: -1,
		token: map[int32]*Listener{}, dirs: map[string]int{},
	}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("cannot watch listeners: %w", err)
	}
	go w.run()
	for _, l := range ls {
		if err := w.Add(l); err != nil {
			w.Close()
			return nil, err
		}
	}
	return w, nil
}

func (w *Watch) open() (err error) {
	if w.setFD, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create: %w", err)
	}
	if w.setFD, err = lift(w.setFD); err != nil {
		return err
	}
	if w.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err == nil {
		w.inotify, err = lift(w.inotify)
	}
	if err != nil {
		_ = unix.Close(w.setFD)
		return fmt.Errorf("inotify_init: %w", err)
	}
	err = unix.EpollCtl(w.setFD, unix.EPOLL_CTL_ADD, w.inotify, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.inotify)})
	if err == nil {
		err = unix.SetNonblock(w.setFD, true) // or else os.NewFile leaves it out of the poller
	}
	if err != nil {
		_ = unix.Close(w.inotify)
		_ = unix.Close(w.setFD)
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	w.set = os.NewFile(uintptr(w.setFD), "epoll")
	return nil
}

// C tells each trouble once. Nobody reading it holds nothing up but the next one.
func (w *Watch) C() <-chan Trouble { return w.c }

// Close ends the watch and its goroutine. C is not closed.
func (w *Watch) Close() {
	for _, l := range w.all() {
		w.Remove(l)
	}
	close(w.done)
	_ = w.set.SetReadDeadline(aLongTimeAgo)
	<-w.ended
	_ = w.set.Close()
	_ = unix.Close(w.inotify)
	if w.route >= 0 {
		_ = unix.Close(w.route)
	}
}

// Add watches one more listener.
func (w *Watch) Add(l *Listener) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return ErrClosed
	}
	l.watch = w
	w.mu.Lock()
	w.ls = append(w.ls, l)
	w.mu.Unlock()
	return w.arm(l)
}

// Remove watches one listener less.
func (w *Watch) Remove(l *Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watch != w {
		return
	}
	w.drop(l)
	l.watch = nil
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ls = slices.DeleteFunc(w.ls, func(x *Listener) bool { return x == l })
	if l.names == nil || slices.ContainsFunc(w.ls, func(x *Listener) bool { return x.dir == l.dir }) {
		return
	}
	if wd, ok := w.dirs[l.dir]; ok {
		_, _ = unix.InotifyRmWatch(w.inotify, uint32(wd))
		delete(w.dirs, l.dir)
	}
}

// arm asks for the next trouble of l; l.mu is held.
func (w *Watch) arm(l *Listener) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fd := range l.fds {
		if !l.stream() {
			break // nobody can shut down a datagram socket that has no peer
		}
		w.token[int32(fd)] = l
		e := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
		err := unix.EpollCtl(w.setFD, unix.EPOLL_CTL_ADD, fd, &e)
		if errors.Is(err, unix.EEXIST) {
			err = unix.EpollCtl(w.setFD, unix.EPOLL_CTL_MOD, fd, &e)
		}
		if err != nil {
			return fmt.Errorf("cannot watch %s: epoll_ctl: %w", l.address, err)
		}
	}
	if l.oneAddress() {
		return w.watchAddresses()
	}
	if l.names == nil {
		return nil
	}
	wd, err := unix.InotifyAddWatch(w.inotify, l.dir, dirEvents)
	if err != nil {
		return fmt.Errorf("cannot watch directory %s: %w", l.dir, err)
	}
	w.dirs[l.dir] = wd
	return nil
}

// drop takes the sockets of l out of the set; l.mu is held. close(2) would not do it, while a child still has the socket open.
func (w *Watch) drop(l *Listener) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fd := range l.fds {
		_ = unix.EpollCtl(w.setFD, unix.EPOLL_CTL_DEL, fd, nil)
		delete(w.token, int32(fd))
	}
}

func (w *Watch) all() []*Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ls)
}

func (w *Watch) run() {
	defer close(w.ended)
	raw, err := w.set.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 16)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
		})
		if err != nil {
			return // closed
		}
		w.wakes.Add(1)
		for _, e := range events[:max(n, 0)] {
			if !w.handle(e) {
				return
			}
		}
	}
}

// handle is false when the watch is closed.
func (w *Watch) handle(e unix.EpollEvent) bool {
	if int(e.Fd) == w.inotify {
		return w.handleNames()
	}
	w.mu.Lock()
	l, route := w.token[e.Fd], w.route
	w.mu.Unlock()
	if int(e.Fd) == route {
		return w.handleAddresses(route)
	}
	if l == nil || !l.isDown() {
		return true
	}
	return w.tell(Trouble{l, "was shut down by a process that shares it"})
}

func (w *Watch) tell(t Trouble) bool {
	select {
	case w.c <- t:
		return true
	case <-w.done:
		return false
	}
}

// handleNames looks at the listeners whose names the events are about.
func (w *Watch) handleNames() bool {
	touched := map[string]bool{}
	b := make([]byte, 16<<10)
	n, err := unix.Read(w.inotify, b)
	if err != nil {
		return true // EAGAIN, EINTR: the set tells again
	}
	for b = b[:n]; len(b) >= unix.SizeofInotifyEvent; {
		size := int(binary.NativeEndian.Uint32(b[12:]))
		end := min(unix.SizeofInotifyEvent+size, len(b))
		name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:end], []byte{0})
		touched[string(name)] = true // "" is the directory itself, or an overflow
		b = b[end:]
	}
	for _, l := range w.all() {
		if what := l.lostName(touched); what != "" && !w.tell(Trouble{l, what}) {
			return false
		}
	}
	return true
}

func (l *Listener) isDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 || l.sealed {
		return false
	}
	for _, fd := range l.fds {
		if down, err := shutDown(l.network, fd); err == nil && down {
			return true
		}
	}
	return false
}

// lostName says what happened to the names of l, "" when both are right, or when none of those touched is one.
func (l *Listener) lostName(touched map[string]bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.names
	if n == nil || l.sealed || !(touched[""] || touched[n.base] || touched[n.private]) {
		return ""
	}
	d, err := lookDir(n.dir)
	if err != nil {
		return "lost its directory"
	}
	defer d.close()
	switch {
	case !n.has(d, n.base):
		return "lost its public name"
	case n.private != "" && !n.has(d, n.private):
		return "lost its private name"
	}
	return ""
}
