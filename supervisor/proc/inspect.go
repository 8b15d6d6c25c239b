package proc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a person with ps, lsof and ss would look up about one process. Nothing
// here stops, traces or asks the process itself.

// Family is a process and all below it, itself first; without those that are
// dead, and without the families of some. [ErrGone] when its pid is another's by now.
func (fs FS) Family(root Ref, but ...Ref) ([]Stat, error) {
	st, err := fs.Stat(root.PID)
	if err == nil && st.Ref() != root {
		err = fmt.Errorf("cannot look at process %d: %w", root.PID, ErrGone)
	}
	if err != nil {
		return nil, err
	}
	below, err := fs.descend(root.PID, but)
	family := make([]Stat, 0, 1+len(below))
	for _, s := range append([]Stat{st}, below...) {
		if !s.Dead() {
			family = append(family, s)
		}
	}
	return family, err
}

// Dispositions are what a process does on which signal, as masks.
type Dispositions struct{ Caught, Ignored uint64 }

// Catches says whether the process has a handler for the signal.
func (d Dispositions) Catches(sig unix.Signal) bool { return d.Caught>>(sig-1)&1 != 0 }

// Ignores says whether the signal does nothing to the process.
func (d Dispositions) Ignores(sig unix.Signal) bool { return d.Ignored>>(sig-1)&1 != 0 }

// Dispositions reads SigCgt and SigIgn of proc_pid_status(5).
func (fs FS) Dispositions(pid int) (Dispositions, error) {
	b, err := fs.read(pid, "status")
	if err != nil {
		return Dispositions{}, err
	}
	var d Dispositions
	var errs [2]error
	d.Caught, errs[0] = strconv.ParseUint(lineOf(b, "SigCgt:"), 16, 64)
	d.Ignored, errs[1] = strconv.ParseUint(lineOf(b, "SigIgn:"), 16, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return Dispositions{}, fmt.Errorf("cannot read the signals of process %d: %w", pid, err)
	}
	return d, nil
}

// OpenLimit is the soft limit on open files, [Unlimited] where there is none.
func (fs FS) OpenLimit(pid int) (uint64, error) {
	b, err := fs.read(pid, "limits")
	if err != nil {
		return 0, err
	}
	soft, _, _ := strings.Cut(lineOf(b, "Max open files"), " ")
	if soft == "unlimited" {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(soft, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read the limits of process %d: %w", pid, err)
	}
	return n, nil
}

// Executable is the program that the process runs, as the kernel writes it.
func (fs FS) Executable(pid int) (string, error) {
	path, err := os.Readlink(fs.path(pid, "exe"))
	if err != nil {
		return "", fmt.Errorf("cannot see what process %d runs: %w", pid, gone(underlying(err)))
	}
	return path, nil
}

// lineOf is what follows the word at the beginning of a line.
func lineOf(text []byte, word string) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(word)); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}

func (fs FS) read(pid int, name string) ([]byte, error) {
	b, err := os.ReadFile(fs.path(pid, name))
	if err != nil {
		return nil, fmt.Errorf("cannot look at process %d: %w", pid, gone(underlying(err)))
	}
	return b, nil
}

// Ran is how long a process has had a processor, as of its last turn or of the last tick
// of the clock, some milliseconds ago (Documentation/scheduler/sched-stats.rst in Linux).
func (fs FS) Ran(pid int) (time.Duration, error) {
	text, err := fs.read(pid, "schedstat")
	if err != nil {
		return 0, err
	}
	ran, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(ran, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot see how long process %d has run: %w", pid, err)
	}
	return time.Duration(ns), nil
}

// Sockets lists the inodes of all sockets a process has open, and counts its
// descriptors of every kind. It needs the right to look into the process
// (ptrace(2), access mode checking).
func (fs FS) Sockets(pid int) (inodes []uint64, descriptors int, err error) {
	dir := fs.path(pid, "fd")
	names, err := readNames(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot see what process %d has open: %w", pid, gone(underlying(err)))
	}
	for _, name := range names {
		link, err := os.Readlink(dir + "/" + name)
		if err != nil {
			continue // closed meanwhile
		}
		rest, isSocket := strings.CutPrefix(link, "socket:[")
		if ino, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64); isSocket && err == nil {
			inodes = append(inodes, ino)
		}
	}
	return inodes, len(names), nil
}

// Listening maps the inodes of the stream sockets that listen, in the network
// namespace of a process, to their addresses.
func (fs FS) Listening(pid int) (map[uint64]string, error) {
	found := map[uint64]string{}
	for name, see := range map[string]func(words []string) (more bool, ino uint64, address string){
		"net/tcp": tcpListener, "net/tcp6": tcpListener, "net/unix": unixListener,
	} {
		err := fs.eachLine(pid, name, func(words []string) bool {
			more, ino, address := see(words)
			if address != "" {
				found[ino] = address
			}
			return more
		})
		if err != nil && !errors.Is(err, ErrGone) { // no IPv6 here
			return nil, err
		}
	}
	return found, nil
}

// tcpListener reads one line of /proc/net/tcp (proc_net_tcp.txt of the kernel):
// word 1 is the local address, 3 the state, 9 the inode. All listeners (0A) come
// first, so that nobody has to read over a million connections.
func tcpListener(f []string) (more bool, ino uint64, address string) {
	if len(f) < 10 || f[0] == "sl" {
		return true, 0, ""
	}
	if f[3] != "0A" {
		return false, 0, ""
	}
	ino, err := strconv.ParseUint(f[9], 10, 64)
	if err != nil {
		return true, 0, ""
	}
	return true, ino, hexAddress(f[1])
}

// hexAddress reads 0100007F:1F90: words of 32 bits as they lie in memory, and the port.
func hexAddress(s string) string {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	n, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(b)%4 != 0 {
		return ""
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		return ""
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)).String()
}

// acceptsConnections is __SO_ACCEPTCON in the flags of /proc/net/unix.
const acceptsConnections = 0x10000

// unixListener reads one line of /proc/net/unix: word 3 are the flags, 6 is the
// inode, the rest the path.
func unixListener(f []string) (more bool, ino uint64, address string) {
	if len(f) < 8 {
		return true, 0, ""
	}
	flags, err := strconv.ParseUint(f[3], 16, 64)
	ino, bad := strconv.ParseUint(f[6], 10, 64)
	if err != nil || bad != nil || flags&acceptsConnections == 0 {
		return true, 0, ""
	}
	return true, ino, "unix:" + strings.Join(f[7:], " ")
}

// linesMost bounds how much of such a table is read.
const linesMost = 64 << 20

// eachLine gives the words of each line to see, until it says no more.
func (fs FS) eachLine(pid int, name string, see func(words []string) bool) error {
	f, err := os.Open(fs.path(pid, name))
	if err != nil {
		return fmt.Errorf("cannot look at process %d: %w", pid, gone(underlying(err)))
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, linesMost))
	for lines.Scan() {
		if !see(strings.Fields(lines.Text())) {
			break
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("cannot read %s of process %d: %w", name, pid, underlying(err))
	}
	return nil
}
