package ready

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
)

// Did these processes take our sockets, or do they serve somewhere else?
//
//  1. /proc/PID/fd has a link with the inode of each socket that they hold.
//  2. The kernel lists which sockets listen, and where (sock_diag(7)): one of
//     theirs that is none of ours is foreign ([Foreign]).
//  3. A connection that was accepted has the local address of its listener. No other
//     socket can have it: who connects gets a port of his own, or no name
//     ([Accepted]).
//
// What is in another network namespace than we are is not listed, so not seen.

// listening is a stream socket in state LISTEN.
type listening struct {
	family   uint8
	protocol uint32
	local    netip.AddrPort // AF_INET, AF_INET6
	name     string         // AF_UNIX; an abstract one begins with NUL
	file     string         // AF_UNIX: device and inode, where there is a path
}

func (l listening) String() string {
	if l.family != unix.AF_UNIX {
		return l.local.String()
	}
	name := l.name
	if rest, abstract := strings.CutPrefix(name, "\x00"); abstract {
		name = "@" + rest
	}
	return "unix:" + strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name)
}

// Foreign says where the processes listen on stream sockets (TCP, MPTCP, unix) that
// are none of those with these inodes, as the bind option writes it:
// 127.0.0.1:8000, unix:/run/app.sock, unix:@app. An error means that we may not look.
func Foreign(pids []int, inodes []uint64) ([]string, error) {
	held, err := heldBy(pids, inodes)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	var found []string
	err = eachListening(func(ino uint64, l listening) {
		if held[ino] != nil {
			found = append(found, l.String())
		}
	})
	slices.Sort(found)
	return slices.Compact(found), err
}

// Accepted finds which of the processes hold a connection that was accepted from one
// of the listeners with these inodes. An error means that we may not look, or that
// none of these listens where we can see it. Its cost grows with the connections at
// the listeners' ports, whoever holds them; that of one call for many processes is
// that of a call for one.
func Accepted(pids []int, inodes []uint64) ([]int, error) {
	held, err := heldBy(pids, inodes)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	ours := map[listening]bool{} // with reuseport many listen at one address
	err = eachListening(func(ino uint64, l listening) {
		if slices.Contains(inodes, ino) {
			ours[l] = true
		}
	})
	if err == nil && len(ours) == 0 {
		err = errors.New("cannot look for connections: none of the sockets listens here")
	}
	var holders []int
	for l := range ours {
		if err == nil {
			err = l.accepted(func(ino uint64) { holders = append(holders, held[ino]...) })
		}
	}
	slices.Sort(holders)
	return slices.Compact(holders), err
}

// accepted calls see with each connection of the listener.
func (l listening) accepted(see func(ino uint64)) error {
	if l.family == unix.AF_UNIX {
		return unixSockets(connects, func(ino uint64, name, file string) {
			if name == l.name && file == l.file {
				see(ino)
			}
		})
	}
	at := func(ino uint64, local netip.AddrPort) {
		if l.local.Addr().IsUnspecified() || l.local.Addr() == local.Addr() {
			see(ino)
		}
	}
	err := inetSockets(l.family, unix.IPPROTO_TCP, connects, l.local.Port(), at)
	if err == nil && l.protocol == unix.IPPROTO_MPTCP {
		// To a client that speaks plain TCP such a listener gives a TCP socket, to others MPTCP.
		err = inetSockets(l.family, unix.IPPROTO_MPTCP, connects, l.local.Port(), at)
	}
	return err
}

// eachListening calls see with all stream sockets that listen.
func eachListening(see func(ino uint64, l listening)) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range []uint32{unix.IPPROTO_TCP, unix.IPPROTO_MPTCP} {
			err := inetSockets(family, protocol, listens, 0, func(ino uint64, local netip.AddrPort) {
				see(ino, listening{family: family, protocol: protocol, local: local})
			})
			if err != nil {
				return err
			}
		}
	}
	return unixSockets(listens, func(ino uint64, name, file string) {
		see(ino, listening{family: unix.AF_UNIX, name: name, file: file})
	})
}

// heldBy finds the sockets that the processes hold, but for ours, and which holds
// which. One that is gone holds nothing.
func heldBy(pids []int, ours []uint64) (map[uint64][]int, error) {
	held := map[uint64][]int{}
	for _, pid := range pids {
		if err := addSockets(held, pid); err != nil && !gone(err) {
			return nil, fmt.Errorf("cannot look which sockets process %d holds: %w", pid, err)
		}
	}
	for _, ino := range ours {
		delete(held, ino)
	}
	return held, nil
}

func addSockets(held map[uint64][]int, pid int) error {
	fds, err := open(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fds)
	l := looks.Get().(*look)
	defer looks.Put(l)
	return l.eachName(fds, func(name string) (bool, error) {
		var link [64]byte
		n, err := unix.Readlinkat(fds, name, link[:])
		if err != nil {
			return true, nil // closed meanwhile
		}
		if ino, ok := socketInode(string(link[:n])); ok {
			held[ino] = append(held[ino], pid)
		}
		return true, nil
	})
}
