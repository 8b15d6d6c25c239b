package ready

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Reading /proc with as little as it takes: one look opens some ten files, and
// a herder of many workers looks often while they start.

func open(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// readAll reads a small file into buf; what does not fit is left out.
func readAll(dir int, name string, buf []byte) (int, error) {
	fd, err := open(dir, name, unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return n, err
		}
		n += m
	}
	return n, nil
}

// eachName calls f with each name in an open directory until it says no more.
// f may use l.buf.
func (l *look) eachName(dir int, f func(name string) (more bool, err error)) error {
	for {
		n, err := unix.Getdents(dir, l.buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		_, _, l.names = unix.ParseDirent(l.buf[:n], -1, l.names[:0])
		for _, name := range l.names {
			if more, err := f(name); err != nil || !more {
				return err
			}
		}
	}
}

// socketInode reads the target of a /proc/PID/fd link: "socket:[12345]".
func socketInode(link string) (uint64, bool) {
	s, ok := strings.CutPrefix(link, "socket:[")
	if !ok || !strings.HasSuffix(s, "]") {
		return 0, false
	}
	ino, err := strconv.ParseUint(s[:len(s)-1], 10, 64)
	return ino, err == nil
}

// lazyMem is /proc/PID/mem, opened when first needed.
type lazyMem struct{ dir, fd int }

// read fills p from the process' memory and says whether it could.
func (m *lazyMem) read(p []byte, addr uint64) bool {
	if m.fd < 0 {
		fd, err := open(m.dir, "mem", unix.O_RDONLY)
		if err != nil {
			return false
		}
		m.fd = fd
	}
	n, err := unix.Pread(m.fd, p, int64(addr))
	return err == nil && n == len(p)
}

func (m *lazyMem) close() {
	if m.fd >= 0 {
		unix.Close(m.fd)
	}
}
