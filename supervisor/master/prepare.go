package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/proc"
)

// Where the master finds what it is given.
const (
	controlFD  = 3
	specFD     = 4
	listenerFD = 5
)

// ownImage is the program that runs now, even when the file it came from has been
// replaced: herder and master must speak the same version of the protocol.
const ownImage = "/proc/self/exe"

// Prepare makes all a master needs and says how to spawn it. fds are the herder's
// descriptors of the listeners, in the order of spec.Listeners and of their FDs;
// env and dir are the environment and directory of the workers. When the master
// is spawned, or could not be, call [Link.Spawned].
func Prepare(spec Spec, fds []int, env []string, dir string) (proc.Spec, *Link, error) {
	spec.Listeners = renumber(spec.Listeners)
	if n := count(spec.Listeners); n != len(fds) {
		return proc.Spec{}, nil, fmt.Errorf("cannot pass listeners on: %d descriptors for %d sockets", len(fds), n)
	}
	memfd, err := specFile(spec)
	if err != nil {
		return proc.Spec{}, nil, err
	}
	ours, theirs, err := pair()
	if err != nil {
		unix.Close(memfd)
		return proc.Spec{}, nil, err
	}
	return proc.Spec{
		Path: ownImage,
		Argv: []string{"herder", "master", spec.Name, strconv.Itoa(spec.Generation)},
		Env:  env, Dir: dir,
		Files: append([]int{-1, 1, 2, theirs, memfd}, fds...),
		Umask: -1, Session: true,
	}, newLink(ours, []int{theirs, memfd}), nil
}

// renumber says where the sockets are in the master.
func renumber(ps []handoff.Passed) []handoff.Passed {
	next := listenerFD
	out := make([]handoff.Passed, len(ps))
	for i, p := range ps {
		n := len(p.FDs)
		p.FDs = make([]int, n)
		for k := range p.FDs {
			p.FDs[k] = next
			next++
		}
		out[i] = p
	}
	return out
}

func count(ps []handoff.Passed) int {
	n := 0
	for _, p := range ps {
		n += len(p.FDs)
	}
	return n
}

// specFile writes the spec where only we and the master can read it: it may hold
// secrets in the command.
func specFile(spec Spec) (int, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return -1, fmt.Errorf("cannot encode the spec of generation %d: %w", spec.Generation, err)
	}
	fd, err := unix.MemfdCreate("herder-spec", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("cannot make the spec of generation %d: %w", spec.Generation, err)
	}
	for written := 0; written < len(b); {
		n, err := unix.Pwrite(fd, b[written:], int64(written))
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("cannot write the spec of generation %d: %w", spec.Generation, err)
		}
		written += n
	}
	return fd, nil
}

// maxSpec bounds what a master reads as its spec.
const maxSpec = 4 << 20

// readSpec is the other end of specFile; it closes fd.
func readSpec(fd int) (Spec, error) {
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Spec{}, fmt.Errorf("cannot read the spec at fd %d: %w; a master is started by herder run, not by hand", fd, err)
	}
	b := make([]byte, min(max(st.Size, 0), maxSpec))
	n, err := unix.Pread(fd, b, 0)
	if err != nil {
		return Spec{}, fmt.Errorf("cannot read the spec at fd %d: %w", fd, err)
	}
	return parseSpec(b[:n])
}

// parseSpec checks what the master could not live with.
func parseSpec(b []byte) (Spec, error) {
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return Spec{}, fmt.Errorf("cannot understand the spec at fd %d: %w", specFD, err)
	}
	if len(s.Argv) == 0 {
		return Spec{}, errors.New("cannot start workers: the spec has no command")
	}
	if s.KillTimeout <= 0 {
		s.KillTimeout = DefaultKillTimeout
	}
	return s, nil
}
