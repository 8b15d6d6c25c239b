package ready

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxPoll bounds how many entries of a poll(2) array are looked at.
const maxPoll = 1 << 16

// call is the system call in which a thread sleeps.
type call struct {
	nr   int
	args [6]uint64
}

// parseCall reads /proc/PID/task/TID/syscall (proc(5)): "running", or "-1 SP
// PC" when the thread sleeps outside of a call, or the number and the six
// argument registers: "43 0x3 0x0 0x0 0x0 0x0 0x0 SP PC".
func parseCall(line []byte) (call, bool) {
	f := bytes.Fields(line)
	if len(f) != 9 {
		return call{}, false
	}
	nr, err := strconv.Atoi(string(f[0]))
	if err != nil {
		return call{}, false
	}
	c := call{nr: nr}
	for i := range c.args {
		if c.args[i], err = strconv.ParseUint(string(f[i+1]), 0, 64); err != nil {
			return call{}, false
		}
	}
	return c, true
}

// waits says how, if at all, a thread in c waits on one of our sockets.
func (l *look) waits(c call, mem *lazyMem) string {
	switch c.nr {
	case unix.SYS_ACCEPT, unix.SYS_ACCEPT4:
		if l.holds(fdArg(c.args[0])) {
			return Accept
		}
	case unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG, unix.SYS_READ:
		if l.holds(fdArg(c.args[0])) {
			return Recv
		}
	// A poll(2) that was stopped and continued goes on as restart_syscall(2)
	// with its arguments still in the registers. Others do so too (nanosleep,
	// futex), but what they point to does not read as a list with our socket.
	case sysPoll, unix.SYS_PPOLL, unix.SYS_RESTART_SYSCALL:
		if l.inPoll(c.args[0], c.args[1], mem) {
			return Poll
		}
	case sysSelect, unix.SYS_PSELECT6:
		if l.inSelect(c.args[0], c.args[1], mem) {
			return Select
		}
	case unix.SYS_IO_URING_ENTER:
		if l.rings {
			return IOUring
		}
	}
	return ""
}

// fdArg cuts an argument register to the int that the kernel takes from it.
func fdArg(a uint64) uint64 { return uint64(uint32(a)) }

// inPoll looks for our socket, waited on for input, in an array of struct
// pollfd { int fd; short events, revents; }. EPOLLRDNORM is POLLRDNORM.
func (l *look) inPoll(addr, n uint64, mem *lazyMem) bool {
	if n > maxPoll {
		return false
	}
	for n > 0 {
		chunk := l.poll[:min(n*8, uint64(len(l.poll)))]
		if !mem.read(chunk, addr) {
			return false
		}
		for i := 0; i < len(chunk); i += 8 {
			fd := binary.NativeEndian.Uint32(chunk[i:])
			events := binary.NativeEndian.Uint16(chunk[i+4:])
			if events&(unix.POLLIN|unix.EPOLLRDNORM) != 0 && l.holds(uint64(fd)) {
				return true
			}
		}
		addr += uint64(len(chunk))
		n -= uint64(len(chunk)) / 8
	}
	return false
}

// inSelect looks for the bit of our socket in the set of fds to read.
func (l *look) inSelect(n, addr uint64, mem *lazyMem) bool {
	if addr == 0 {
		return false
	}
	for _, fd := range l.socks {
		// The kernel takes the set as an array of longs (select(2), NOTES).
		word := l.poll[:8]
		if uint64(fd) < fdArg(n) && mem.read(word, addr+uint64(fd)/64*8) &&
			binary.NativeEndian.Uint64(word)>>(fd%64)&1 == 1 {
			return true
		}
	}
	return false
}
