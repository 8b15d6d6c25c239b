package ready

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// What Armed finds.
const (
	Accept  = "accept"   // a thread is in accept(2)
	Poll    = "poll"     // a thread is in poll(2) or ppoll(2)
	Select  = "select"   // a thread is in select(2) or pselect(2)
	Recv    = "recv"     // a thread is in recvfrom(2), recvmsg(2) or read(2): datagram sockets
	Epoll   = "epoll"    // an event loop is told of the socket
	IOUring = "io_uring" // the process holds the socket and waits in a ring: whether for it cannot be seen
)

// Armed looks once, from outside, whether process pid waits on one of the
// sockets with these inodes, and says how: "" (it does not, or it is gone),
// Accept, Poll, Select, Recv, Epoll, or IOUring, which means that nothing can
// be seen. The package comment says what each is worth.
//
// It needs the right to look into the process (ptrace(2), "access mode
// checking": the same user, or an ancestor under Yama, or CAP_SYS_PTRACE); an
// error says so. It never blocks and changes nothing in the process.
func Armed(pid int, inodes []uint64) (string, error) {
	if len(inodes) == 0 {
		return "", nil
	}
	// All looks go through this one directory: should the pid be given to
	// another process meanwhile, they fail with ESRCH and do not mix the two.
	dir, err := open(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		defer unix.Close(dir)
		l := looks.Get().(*look)
		defer looks.Put(l)
		l.reset(dir, inodes)
		var how string
		if how, err = l.armed(); err == nil {
			return how, nil
		}
	}
	if gone(err) {
		return "", nil
	}
	return "", fmt.Errorf("cannot look whether process %d waits on the socket: %w", pid, err)
}

// look is one look at one process. It is pooled for its buffers.
type look struct {
	dir    int // /proc/PID
	inodes []uint64
	socks  []int // its fds that are our sockets
	epolls []string
	rings  bool
	names  []string
	buf    [8192]byte // directory entries, small files
	poll   [4096]byte // memory of the process
}

var looks = sync.Pool{New: func() any { return new(look) }}

func (l *look) reset(dir int, inodes []uint64) {
	l.dir, l.inodes, l.rings = dir, inodes, false
	l.socks, l.epolls = l.socks[:0], l.epolls[:0]
}

func (l *look) armed() (string, error) {
	if err := l.findFDs(); err != nil || len(l.socks) == 0 {
		return "", err
	}
	how, err := l.threads()
	if how != "" && how != IOUring {
		return how, nil
	}
	for _, ep := range l.epolls {
		found, ferr := l.registered(ep)
		if found {
			return Epoll, nil
		}
		if ferr != nil && !gone(ferr) {
			return "", ferr
		}
	}
	return how, err
}

// findFDs sorts out which fds of the process are our sockets, and which are
// event polls or rings.
func (l *look) findFDs() error {
	fds, err := open(l.dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fds)
	return l.eachName(fds, func(name string) (bool, error) {
		n, err := unix.Readlinkat(fds, name, l.buf[:64])
		if err != nil {
			return true, nil // closed meanwhile
		}
		switch link := string(l.buf[:n]); link {
		case "anon_inode:[eventpoll]":
			l.epolls = append(l.epolls, name)
		case "anon_inode:[io_uring]":
			l.rings = true
		default:
			if ino, ok := socketInode(link); ok && l.ours(ino) {
				if fd, err := strconv.Atoi(name); err == nil {
					l.socks = append(l.socks, fd)
				}
			}
		}
		return true, nil
	})
}

// threads looks at the system call in which each thread sleeps.
func (l *look) threads() (string, error) {
	tasks, err := open(l.dir, "task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return "", err
	}
	defer unix.Close(tasks)
	mem := lazyMem{dir: l.dir, fd: -1}
	defer mem.close()
	how := ""
	err = l.eachName(tasks, func(tid string) (bool, error) {
		n, err := readAll(tasks, tid+"/syscall", l.buf[:256])
		if gone(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if c, ok := parseCall(l.buf[:n]); ok {
			if w := l.waits(c, &mem); w != "" {
				how = w
			}
		}
		return how == "" || how == IOUring, nil
	})
	return how, err
}

func (l *look) ours(ino uint64) bool {
	for _, i := range l.inodes {
		if i == ino {
			return true
		}
	}
	return false
}

func (l *look) holds(fd uint64) bool {
	for _, s := range l.socks {
		if uint64(s) == fd {
			return true
		}
	}
	return false
}

// gone says that a process or thread ended while we looked.
func gone(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT)
}
