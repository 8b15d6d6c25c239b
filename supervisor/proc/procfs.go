package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FS is the mount point of a proc file system, so that a fixture can stand in.
type FS string

// Proc is the usual mount point.
const Proc FS = "/proc"

// environMax bounds what is read of one environment; the kernel allows
// argv and environment 6 MiB together (execve(2)).
const environMax = 6 << 20

// Stat is what we use of /proc/PID/stat (proc_pid_stat(5)).
type Stat struct {
	PID     int
	Comm    string
	State   byte // 'R', 'S', 'D', 'T', 'Z', …
	PPID    int
	PGRP    int
	Session int
	Threads int    // those that still run; more than one in a zombie whose first thread alone has ended
	Start   uint64 // clock ticks since boot
	// Stack is where the stack of the first thread begins: a child that was only
	// forked has its parent's, one that executed a program another (the kernel puts it
	// at a random place). 0 when we may not look.
	Stack uint64
}

// Dead tells whether the process has ended: a zombie, or about to be none. State
// is that of the first thread, which may end before the others.
func (s Stat) Dead() bool { return (s.State == 'Z' || s.State == 'X') && s.Threads <= 1 }

// Ref is the process the line is about.
func (s Stat) Ref() Ref { return Ref{s.PID, s.Start} }

// Stat reads one process; [ErrGone] when there is none.
func (fs FS) Stat(pid int) (Stat, error) {
	b, err := os.ReadFile(fs.path(pid, "stat"))
	if err != nil {
		return Stat{}, fmt.Errorf("cannot look at process %d: %w", pid, gone(underlying(err)))
	}
	st, err := parseStat(b)
	if err != nil {
		return Stat{}, fmt.Errorf("cannot look at process %d: %w", pid, err)
	}
	return st, nil
}

func (fs FS) path(pid int, name string) string {
	return filepath.Join(string(fs), strconv.Itoa(pid), name)
}

// The indices of num_threads, starttime and startstack behind the comm: fields 20,
// 22 and 28 of proc_pid_stat(5), counted from 1, of which pid and comm are the first
// two.
const (
	threadsField = 20 - 3
	startField   = 22 - 3
	stackField   = 28 - 3
)

// parseStat cuts at the last ')': a process may call itself "a) R (b".
func parseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("stat line without a (name): %.80q", b)
	}
	f := strings.Fields(string(b[end+1:]))
	if len(f) <= stackField || len(f[0]) != 1 || !isLetter(f[0][0]) {
		return Stat{}, fmt.Errorf("stat line is cut short or garbled: %.80q", b)
	}
	st := Stat{Comm: string(b[open+1 : end]), State: f[0][0]}
	var errs [7]error
	st.PID, errs[0] = strconv.Atoi(strings.TrimSpace(string(b[:open])))
	st.PPID, errs[1] = strconv.Atoi(f[1])
	st.PGRP, errs[2] = strconv.Atoi(f[2])
	st.Session, errs[3] = strconv.Atoi(f[3])
	st.Start, errs[4] = strconv.ParseUint(f[startField], 10, 64)
	st.Threads, errs[5] = strconv.Atoi(f[threadsField])
	st.Stack, errs[6] = strconv.ParseUint(f[stackField], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return Stat{}, fmt.Errorf("stat line with a bad number: %.80q", b)
	}
	return st, nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Children lists the children of a process, zombies too, in order of their pid.
func (fs FS) Children(pid int) ([]int, error) {
	kids, err := fs.childFiles(pid)
	if errors.Is(err, errNoChildFiles) {
		kids, err = fs.childScan(pid)
	}
	slices.Sort(kids)
	return slices.Compact(kids), err
}

// errNoChildFiles: the kernel is built without CONFIG_PROC_CHILDREN.
var errNoChildFiles = errors.New("no children files")

// childFiles reads /proc/PID/task/TID/children of every thread: a child belongs
// to the thread that made it.
func (fs FS) childFiles(pid int) ([]int, error) {
	tasks, err := os.ReadDir(fs.path(pid, "task"))
	if err != nil {
		return nil, fmt.Errorf("cannot list the children of process %d: %w", pid, gone(underlying(err)))
	}
	var kids []int
	for _, t := range tasks {
		dir := filepath.Join(fs.path(pid, "task"), t.Name())
		b, err := os.ReadFile(filepath.Join(dir, "children"))
		if err != nil {
			if _, alive := os.Stat(filepath.Join(dir, "stat")); alive == nil && os.IsNotExist(err) {
				return nil, errNoChildFiles
			}
			if e := gone(underlying(err)); !errors.Is(e, ErrGone) {
				return nil, fmt.Errorf("cannot list the children of process %d: %w", pid, e)
			}
			continue // the thread has ended; its children went to another
		}
		for _, f := range strings.Fields(string(b)) {
			if kid, err := strconv.Atoi(f); err == nil {
				kids = append(kids, kid)
			}
		}
	}
	return kids, nil
}

// childScan asks every process for its parent.
func (fs FS) childScan(pid int) ([]int, error) {
	pids, err := fs.pids()
	if err != nil {
		return nil, err
	}
	var kids []int
	for _, p := range pids {
		if st, err := fs.Stat(p); err == nil && st.PPID == pid {
			kids = append(kids, p)
		}
	}
	return kids, nil
}

func (fs FS) pids() ([]int, error) {
	names, err := readNames(string(fs))
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Descendants lists all below a process, parents before children, zombies too.
// Processes that are born, die or move to another parent meanwhile may be missing: whoever
// needs all of them asks again until nothing is new ([FS.KillTree]).
// What is in except, and all below it, is left out.
func (fs FS) Descendants(pid int, except ...Ref) ([]Ref, error) {
	stats, err := fs.descend(pid, except)
	refs := make([]Ref, 0, len(stats))
	for _, st := range stats {
		refs = append(refs, st.Ref())
	}
	return refs, err
}

func (fs FS) descend(root int, except []Ref) ([]Stat, error) {
	kids, err := fs.Children(root)
	if err != nil {
		return nil, err
	}
	var out []Stat
	seen := map[int]bool{root: true}
	for at, parent := 0, root; ; at++ {
		for _, kid := range kids {
			// A pid that has another parent by now has moved away or is another process.
			if st, err := fs.Stat(kid); err == nil && st.PPID == parent && !seen[kid] && !slices.Contains(except, st.Ref()) {
				seen[kid] = true
				out = append(out, st)
			}
		}
		if at == len(out) {
			return out, nil
		}
		parent = out[at].PID
		if kids, err = fs.Children(parent); err != nil {
			kids = nil // gone meanwhile
		}
	}
}

// Environ returns the value of one variable in the environment a process was
// started with; false when it has none, is not to be read, or was spawned a
// moment ago (see [Spawner.Spawn]).
func (fs FS) Environ(pid int, key string) (string, bool) {
	f, err := os.Open(fs.path(pid, "environ"))
	if err != nil {
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, environMax))
	if err != nil {
		return "", false
	}
	return environValue(b, key)
}

// Wiped says whether a process has written its title over its environment, as nginx
// and Ruby do, so that what it was started with cannot be read any more. One that was
// started with other variables is not wiped: it is a stranger.
func (fs FS) Wiped(pid int) bool {
	b, err := os.ReadFile(fs.path(pid, "environ"))
	return err == nil && wiped(b)
}

// wiped: an environment begins with NAME=, a title does not.
func wiped(b []byte) bool {
	first, _, _ := bytes.Cut(b, []byte{0})
	name, _, is := bytes.Cut(first, []byte("="))
	return len(b) > 0 && (!is || len(name) == 0 || bytes.ContainsAny(name, " :/"))
}

// environValue finds the first KEY=…, as getenv(3) does.
func environValue(b []byte, key string) (string, bool) {
	for kv := range bytes.SplitSeq(b, []byte{0}) {
		if v, ok := bytes.CutPrefix(kv, []byte(key+"=")); ok {
			return string(v), true
		}
	}
	return "", false
}
