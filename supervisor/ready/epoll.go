package ready

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// maxFdinfo bounds how much of an fdinfo file is read: some 200,000 lines.
const maxFdinfo = 16 << 20

// target is one registration of an epoll instance.
type target struct {
	fd     int    // its number when it was registered; may be closed since
	events uint32 // 0 but for flags when EPOLLONESHOT has fired
	data   uint64 // what the program gets back: its own business
	ino    uint64
	dev    uint64 // as the kernel has it: major<<20 | minor
	hasIno bool   // since Linux 4.13
}

// parseTarget reads one line of /proc/PID/fdinfo/FD of an epoll instance
// (proc(5)); other lines are not one:
//
//	tfd:        3 events:       19 data:                3  pos:0 ino:2c7f sdev:9
//
// All but tfd and pos are hexadecimal.
func parseTarget(line []byte) (target, bool) {
	if !bytes.HasPrefix(line, []byte("tfd:")) {
		return target{}, false
	}
	fd, ok := field(line, "tfd:", 10)
	if !ok || fd > 1<<31-1 {
		return target{}, false
	}
	events, ok := field(line, "events:", 16)
	if !ok || events > 1<<32-1 {
		return target{}, false
	}
	t := target{fd: int(fd), events: uint32(events)}
	if t.data, ok = field(line, "data:", 16); !ok {
		return target{}, false
	}
	if t.ino, t.hasIno = field(line, " ino:", 16); t.hasIno {
		t.dev, t.hasIno = field(line, " sdev:", 16)
	}
	return t, true
}

func field(line []byte, key string, base int) (uint64, bool) {
	_, rest, ok := bytes.Cut(line, []byte(key))
	if !ok {
		return 0, false
	}
	rest = bytes.TrimLeft(rest, " ")
	if i := bytes.IndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	v, err := strconv.ParseUint(string(rest), base, 64)
	return v, err == nil
}

// registered says whether epoll instance ep (an fd of the process) will report
// connections on one of our sockets to somebody.
func (l *look) registered(ep string) (bool, error) {
	found := false
	err := l.eachLine("fdinfo/"+ep, func(line []byte) bool {
		if t, ok := parseTarget(line); ok && l.concerns(t) {
			found = l.somebodyWaits(t)
		}
		return !found
	})
	return found, err
}

// concerns says that t is one of our sockets, asked for input.
func (l *look) concerns(t target) bool {
	if t.events&(unix.EPOLLIN|unix.EPOLLRDNORM) == 0 {
		return false
	}
	if !t.hasIno {
		return l.holds(uint64(t.fd))
	}
	dev, ok := sockfs()
	return l.ours(t.ino) && (!ok || dev == t.dev)
}

// sockfs is the device all sockets are on, as fdinfo writes it. An inode
// number alone would also fit, say, an inotify or a pipe.
var sockfs = sync.OnceValues(func() (uint64, bool) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0, false
	}
	return uint64(unix.Major(st.Dev))<<20 | uint64(unix.Minor(st.Dev)), true
})

// eachLine calls f with each line of a file of the process until it says no
// more. A line longer than the buffer is cut.
func (l *look) eachLine(name string, f func(line []byte) bool) error {
	fd, err := open(l.dir, name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	have := 0
	for total := 0; total < maxFdinfo; {
		n, err := unix.Read(fd, l.buf[have:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		total, have = total+n, have+n
		rest := l.buf[:have]
		for {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				break
			}
			if !f(line) {
				return nil
			}
			rest = after
		}
		if len(rest) == len(l.buf) {
			rest = rest[:0]
		}
		have = copy(l.buf[:], rest)
	}
	return nil
}

// somebodyWaits is the last word on a registration: nearly always yes, see
// golang.go for the exception.
func (l *look) somebodyWaits(t target) bool {
	if !maybeGo(t) || !slices.Contains(l.socks, t.fd) {
		return true
	}
	return !l.goIdle(t)
}
