package handoff

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ownerOf names who holds the address of s: "pid 123 (nginx)", several with commas, "a process of uid 33" when we may not look
// further, or "". It is for an error message: it reads /proc, and may be late or wrong.
func ownerOf(s Spec) string {
	var inodes []uint64
	var uid string
	switch s.Network {
	case TCP, UDP:
		_, port, _ := cutPort(s.Address)
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return ""
		}
		for _, file := range []string{"/proc/net/" + s.Network, "/proc/net/" + s.Network + "6"} {
			eachLine(file, func(f []string) { inodes, uid = inetLine(f, s.Network, uint16(n), inodes, uid) })
		}
	default:
		path := s.Address
		if path[0] != '@' {
			if abs, err := filepath.Abs(path); err == nil {
				path = abs
			}
		}
		eachLine("/proc/net/unix", func(f []string) { inodes = unixLine(f, path, inodes) })
	}
	if len(inodes) == 0 {
		return ""
	}
	if who := holders(inodes); len(who) > 0 {
		return strings.Join(who, ", ")
	}
	if uid != "" {
		return "a process of uid " + uid
	}
	return ""
}

// eachLine gives the words of every line but the heading; the files are as long as the kernel has sockets, so it reads at most 64 MiB.
func eachLine(file string, see func(words []string)) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for read := 0; lines.Scan() && read < 64<<20; read += len(lines.Bytes()) {
		see(strings.Fields(lines.Text()))
	}
}

// inetLine: words 1, 3, 7, 9 are the local address, the state, the uid and the inode (proc_net_tcp.txt). A TCP listener is in state 0A,
// an unconnected UDP socket in 07.
func inetLine(f []string, network string, port uint16, inodes []uint64, uid string) ([]uint64, string) {
	if len(f) < 10 || network == TCP && f[3] != "0A" || network == UDP && f[3] != "07" {
		return inodes, uid
	}
	_, text, _ := strings.Cut(f[1], ":")
	if n, err := strconv.ParseUint(text, 16, 16); err != nil || uint16(n) != port {
		return inodes, uid
	}
	if ino, err := strconv.ParseUint(f[9], 10, 64); err == nil {
		return append(inodes, ino), f[7]
	}
	return inodes, uid
}

// unixLine: word 6 is the inode, word 7 the path. A private name of a herder counts as its public one.
func unixLine(f []string, path string, inodes []uint64) []uint64 {
	if len(f) < 8 {
		return inodes
	}
	bound := strings.Join(f[7:], " ")
	private := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)) + "."
	if bound != path && !(path[0] != '@' && strings.HasPrefix(bound, private)) {
		return inodes
	}
	if ino, err := strconv.ParseUint(f[6], 10, 64); err == nil {
		return append(inodes, ino)
	}
	return inodes
}

const mostHolders = 8

// holders are the processes which have one of the sockets open.
func holders(inodes []uint64) []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var who []string
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		held := false
		_ = eachFD("/proc/"+e.Name()+"/fd", func(ino uint64) bool {
			held = slices.Contains(inodes, ino)
			return !held
		})
		if !held {
			continue
		}
		if len(who) == mostHolders {
			return append(who, "and others")
		}
		comm, _ := os.ReadFile("/proc/" + e.Name() + "/comm")
		who = append(who, "pid "+e.Name()+" ("+strings.TrimSpace(string(comm))+")")
	}
	return who
}
