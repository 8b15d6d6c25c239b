package ready

import (
	"errors"
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
//     theirs that is none of ours is foreign ([Listeners.Foreign]).
//  3. A connection that was accepted has the local address of its listener. No other
//     socket can have it: who connects gets a port of his own, or no name
//     ([Listeners.Accepted]).
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

// Listeners are the stream sockets in state LISTEN of this network namespace, as the
// kernel listed them at one moment. To make the list takes milliseconds on a machine
// with many sockets; so who looks often keeps it for a while.
type Listeners map[uint64]listening

// ListListeners asks the kernel for all of them.
func ListListeners() (Listeners, error) {
	all := Listeners{}
	return all, eachListening(func(ino uint64, l listening) { all[ino] = l })
}

// HeldBy finds the inodes of those that the processes hold: where an app server serves
// that binds by itself. An error means that we may not look.
func (all Listeners) HeldBy(pids []int) ([]uint64, error) {
	held := holders{}
	if err := held.look(pids); err != nil {
		return nil, err
	}
	var inodes []uint64
	for ino := range held {
		if _, is := all[ino]; is {
			inodes = append(inodes, ino)
		}
	}
	return inodes, nil
}

// Foreign says where the processes listen on stream sockets (TCP, MPTCP, unix) that
// are none of those with these inodes, as the bind option writes it:
// 127.0.0.1:8000, unix:/run/app.sock, unix:@app. An error means that we may not look.
func (all Listeners) Foreign(pids []int, inodes []uint64) ([]string, error) {
	held, err := all.HeldBy(pids)
	var found []string
	for _, ino := range held {
		if !slices.Contains(inodes, ino) {
			found = append(found, all[ino].String())
		}
	}
	slices.Sort(found)
	return slices.Compact(found), err
}

// maxListed is how many addresses a reason names: some programs have dozens.
const maxListed = 3

// Listed writes what Foreign has found for a person; "" when it found nothing.
func Listed(addresses []string) string {
	if n := len(addresses) - maxListed; n > 0 {
		addresses = append(addresses[:maxListed:maxListed], strconv.Itoa(n)+" more")
	}
	return strings.Join(addresses, ", ")
}

// Elsewhere is what Foreign finds now, as Listed writes it; "" where nothing can be seen.
func Elsewhere(pids []int, inodes []uint64) string {
	all, err := ListListeners()
	if err != nil {
		return ""
	}
	found, err := all.Foreign(pids, inodes)
	if err != nil {
		return ""
	}
	return Listed(found)
}

// Accepted finds which of the processes hold a connection that was accepted from one
// of the listeners with these inodes. An error means that we may not look, or that
// none of these listens where we can see it. Its cost grows with the connections of
// the machine, whoever holds them; that of one call for many processes is hardly more
// than that of a call for one.
func (all Listeners) Accepted(pids []int, inodes []uint64) ([]int, error) {
	held := holders{}
	if err := held.look(pids); err != nil || held.none(inodes) {
		return nil, err
	}
	ours := map[listening]bool{} // with reuseport many listen at one address
	for _, ino := range inodes {
		if l, is := all[ino]; is {
			ours[l] = true
		}
	}
	if len(ours) == 0 {
		return nil, errors.New("cannot look for connections: none of the sockets listens here")
	}
	connections := map[uint64]bool{}
	err := held.lookDuring(pids, func() error {
		for l := range ours {
			if err := l.accepted(func(ino uint64) { connections[ino] = true }); err != nil {
				return err
			}
		}
		return nil
	})
	return held.of(connections), err
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
