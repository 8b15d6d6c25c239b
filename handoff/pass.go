package handoff

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Passed is what a process has to be told of a Listener it is given.
type Passed struct {
	Name    string   // for LISTEN_FDNAMES and {fd:NAME}
	Key     string   // the address as the user wrote it; with the real port when that was 0
	Address string   // as bound
	Network string   // TCP, UDP, Unix, Unixgram
	Inodes  []uint64 // of the sockets
	FDs     []int    // their numbers in the process that passes them on
}

// Passed describes the Listener with its descriptors in this process.
func (l *Listener) Passed() Passed {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.spec.Address
	if l.spec.Network == Inherited || l.spec.anyPort() {
		key = l.address
	}
	return Passed{
		Name: l.spec.DefaultName(), Key: key, Address: l.address, Network: l.network,
		Inodes: slices.Clone(l.inodes), FDs: slices.Clone(l.fds),
	}
}

// Environ is what programs look for, when the sockets are at first, first+1, … in declared order: what [ListenEnviron], [EinhornEnviron] and
// [StarterEnviron] say.
//
// The fds are those to put at first, first+1, …: with reuseport=n slot k gets socket k mod n. Without listeners there is nothing to say.
func Environ(ps []Passed, slot, generation, first int) (env []string, fds []int) {
	return slices.Concat(ListenEnviron(ps, first), EinhornEnviron(ps, first), StarterEnviron(ps, generation, first)), Slot(ps, slot)
}

// Slot is one socket of each Listener: with reuseport=n slot k gets socket k mod n.
func Slot(ps []Passed, slot int) (fds []int) {
	for _, p := range ps {
		fds = append(fds, p.socketOf(slot))
	}
	return fds
}

// ListenEnviron is LISTEN_FDS and LISTEN_FDNAMES (sd_listen_fds(3)), which know no other first than 3. LISTEN_PID is the starter's to set, in
// the child.
func ListenEnviron(ps []Passed, first int) []string {
	if len(ps) == 0 || first != firstFD {
		return nil
	}
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return []string{"LISTEN_FDS=" + strconv.Itoa(len(ps)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}

// EinhornEnviron is EINHORN_FD_COUNT, EINHORN_FD_0 …, and the older EINHORN_FDS, numbers with spaces between.
func EinhornEnviron(ps []Passed, first int) (env []string) {
	if len(ps) == 0 {
		return nil
	}
	numbers := make([]string, len(ps))
	for i := range ps {
		numbers[i] = strconv.Itoa(first + i)
		env = append(env, "EINHORN_FD_"+strconv.Itoa(i)+"="+numbers[i])
	}
	return append(env, "EINHORN_FD_COUNT="+strconv.Itoa(len(ps)), "EINHORN_FDS="+strings.Join(numbers, " "))
}

// StarterEnviron is SERVER_STARTER_PORT, "KEY=FD;KEY=FD" with the address as the user wrote it, and SERVER_STARTER_GENERATION (Server::Starter).
func StarterEnviron(ps []Passed, generation, first int) []string {
	if len(ps) == 0 {
		return nil
	}
	var ports []string
	for i, p := range ps {
		// A path with one of these would be read as two ports; there is no way to quote it.
		if !strings.ContainsAny(p.Key, ";=") {
			ports = append(ports, strings.TrimPrefix(p.Key, ":")+"="+strconv.Itoa(first+i))
		}
	}
	return []string{"SERVER_STARTER_PORT=" + strings.Join(ports, ";"), "SERVER_STARTER_GENERATION=" + strconv.Itoa(generation)}
}

// socketOf is the one for a slot, -1 when there is none.
func (p Passed) socketOf(slot int) int {
	if len(p.FDs) == 0 {
		return -1
	}
	return p.FDs[max(slot, 0)%len(p.FDs)]
}

// Expand puts numbers for {fd:NAME} and {port:NAME} into a command: the descriptor and the port of the listener of that name, when the
// first one is at first.
func Expand(argv []string, ps []Passed, first int) ([]string, error) {
	out := make([]string, len(argv))
	for i, word := range argv {
		var err error
		if out[i], err = expand(word, ps, first); err != nil {
			return nil, fmt.Errorf("cannot expand %q: %w", word, err)
		}
	}
	return out, nil
}

func expand(word string, ps []Passed, first int) (string, error) {
	var b strings.Builder
	for {
		at, kind := nextToken(word)
		end := -1
		if at >= 0 {
			end = strings.IndexByte(word[at:], '}')
		}
		if end < 0 {
			b.WriteString(word)
			return b.String(), nil
		}
		name := word[at+len(kind) : at+end]
		i := slices.IndexFunc(ps, func(p Passed) bool { return p.Name == name })
		if i < 0 {
			return "", fmt.Errorf("no listener is named %q (%s)", name, nameList(ps))
		}
		value := strconv.Itoa(first + i)
		if kind == portToken {
			var err error
			if value, err = portOfPassed(ps[i]); err != nil {
				return "", err
			}
		}
		b.WriteString(word[:at] + value)
		word = word[at+end+1:]
	}
}

const (
	fdToken   = "{fd:"
	portToken = "{port:"
)

func nextToken(word string) (at int, kind string) {
	fd, port := strings.Index(word, fdToken), strings.Index(word, portToken)
	if port >= 0 && (fd < 0 || port < fd) {
		return port, portToken
	}
	return fd, fdToken
}

func portOfPassed(p Passed) (string, error) {
	if p.Network != TCP && p.Network != UDP {
		return "", fmt.Errorf("listener %q is a %s socket and has no port", p.Name, p.Network)
	}
	_, port, _ := cutPort(p.Address)
	return port, nil
}

func nameList(ps []Passed) string {
	if len(ps) == 0 {
		return "there are no listeners"
	}
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return "there are " + strings.Join(names, ", ")
}

// Holds says whether the process has one of the sockets open. A process that is gone, or is a zombie, holds nothing; an error means that we
// may not look.
func Holds(pid int, inodes []uint64) (bool, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	held := false
	err := eachFD(dir, func(ino uint64) bool {
		held = slices.Contains(inodes, ino)
		return !held
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot see what pid %d holds: %w", pid, err)
	}
	return held, nil
}

// eachFD tells see the inode of every socket in a /proc/PID/fd, until see says false.
func eachFD(dir string, see func(ino uint64) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target, err := os.Readlink(dir + "/" + e.Name())
		if err != nil {
			continue // closed meanwhile
		}
		rest, ok := strings.CutPrefix(target, "socket:[")
		if !ok {
			continue
		}
		ino, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
		if err == nil && !see(ino) {
			return nil
		}
	}
	return nil
}
