package ready

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// holders are the sockets that processes hold, by inode, and who they are.
type holders map[uint64][]int

// look adds what the processes hold now. One that is gone holds nothing.
func (h holders) look(pids []int) error {
	for _, pid := range pids {
		if err := h.add(pid); err != nil && !gone(err) {
			return fmt.Errorf("cannot look which sockets process %d holds: %w", pid, err)
		}
	}
	return nil
}

func (h holders) add(pid int) error {
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
		if ino, ok := socketInode(string(link[:n])); ok && !slices.Contains(h[ino], pid) {
			h[ino] = append(h[ino], pid)
		}
		return true, nil
	})
}

// The kernel's list of connections takes milliseconds (it goes through a table of some
// hundred thousand rows, however few are taken), and a request often takes fewer: a
// connection that was in the list may be closed before anybody looks who holds it. So
// both is done at the same time.

// lookEvery is the pause between two looks at the same processes. A shorter request is
// not seen for sure.
const lookEvery = 500 * time.Microsecond

// lookDuring adds what the processes hold at any moment while something is done.
func (h holders) lookDuring(pids []int, do func() error) error {
	over, looked := make(chan struct{}), make(chan error)
	go func() { looked <- h.lookUntil(over, pids) }()
	err := do()
	close(over)
	return cmp.Or(err, <-looked)
}

func (h holders) lookUntil(over chan struct{}, pids []int) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-ticker.C:
			if err := h.look(pids); err != nil {
				return err
			}
		}
	}
}

// none: nothing is held but sockets with these inodes.
func (h holders) none(inodes []uint64) bool {
	for ino := range h {
		if !slices.Contains(inodes, ino) {
			return false
		}
	}
	return true
}

// of are those who hold one of the sockets, each once.
func (h holders) of(sockets map[uint64]bool) []int {
	var pids []int
	for ino := range sockets {
		pids = append(pids, h[ino]...)
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}
