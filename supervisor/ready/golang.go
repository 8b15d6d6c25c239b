package ready

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// A Go program's listener is registered in the runtime's epoll instance when
// it is made (net.FileListener, net.Listen), which may be long before Accept.
// Whether a goroutine waits in Accept is in the runtime's pollDesc, and the
// registration's data points to it:
//
//  1. runtime/netpoll_epoll.go: netpollopen registers with exactly
//     EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET, and as data the address of the
//     pollDesc: since Go 1.21 as a tagged pointer (tagptr_64bit.go) whose tag
//     is the low bits of pollDesc.fdseq, before as it is.
//  2. runtime/netpoll.go: pollDesc begins with link, fd, (since 1.21 fdseq,)
//     atomicInfo, rg. rg is 0 (nobody), 1 (ready, nobody), 2 (about to wait),
//     or the goroutine that waits to read.
//
// tokio registers with the same events, so the executable must be Go's, and a
// layout is believed only if fd and fdseq stand where they should. If not, the
// registration counts as for any other program.

const goEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET |
	unix.EPOLLERR | unix.EPOLLHUP // the kernel adds these two

func maybeGo(t target) bool { return t.events == goEvents }

// goLayout is how some Go releases write the data and lay out pollDesc.
type goLayout struct {
	tagBits, alignBits uint // the data is address>>alignBits<<tagBits | tag
	fd, seq, rg        int  // offsets; seq is -1 where there is none
}

var goLayouts = [...]goLayout{
	{tagBits: 24, alignBits: 9, fd: 8, seq: 16, rg: 32}, // 49-bit addresses on 512 bytes
	{tagBits: 19, alignBits: 3, fd: 8, seq: 16, rg: 32}, // Go 1.21: 48-bit addresses on 8 bytes
	{tagBits: 0, alignBits: 0, fd: 8, seq: -1, rg: 24},  // Go 1.18 to 1.20
}

// address unpacks the pointer. User space has the lower half of the addresses,
// so amd64's sign extension makes no difference.
func (g goLayout) address(data uint64) uint64 { return data >> g.tagBits << g.alignBits }

// rgOf finds rg in the first 40 bytes of what may be the pollDesc of t.
func (g goLayout) rgOf(desc []byte, t target) (uint64, bool) {
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(desc[at:]) }
	mask := uint64(1)<<g.tagBits - 1
	if word(g.fd) != uint64(t.fd) || (g.seq >= 0 && word(g.seq)&mask != t.data&mask) {
		return 0, false
	}
	return word(g.rg), true
}

// goIdle says that this is a Go program and that nobody in it waits on the
// socket. It says no when it cannot be decided.
func (l *look) goIdle(t target) bool {
	mem := lazyMem{dir: l.dir, fd: -1}
	defer mem.close()
	desc := l.poll[:40]
	for _, g := range goLayouts {
		addr := g.address(t.data)
		if addr == 0 || !mem.read(desc, addr) {
			continue
		}
		if rg, ok := g.rgOf(desc, t); ok {
			return rg <= 1 && l.isGo()
		}
	}
	return false
}

// exeID is an executable as it was when we looked into it.
type exeID struct {
	dev, ino uint64
	ctime    unix.Timespec
}

// exes remembers which executables are Go's: there are a handful at a time.
var exes struct {
	sync.Mutex
	isGo map[exeID]bool
}

const maxExes = 64

func (l *look) isGo() bool {
	fd, err := open(l.dir, "exe", unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	id := exeID{st.Dev, st.Ino, st.Ctim}
	exes.Lock()
	defer exes.Unlock()
	is, known := exes.isGo[id]
	if !known {
		is = hasSection(fdReader(fd), ".go.buildinfo")
		if len(exes.isGo) >= maxExes || exes.isGo == nil {
			exes.isGo = make(map[exeID]bool)
		}
		exes.isGo[id] = is
	}
	return is
}
