package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stat is what these tests need of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	ppid  int
	state string
	comm  string
}

func readStat(pid int) (stat, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	// The name may contain anything, so the fields begin after the last parenthesis.
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	ppid, err := strconv.Atoi(fields[1])
	return stat{ppid: ppid, state: fields[0], comm: string(text[open+1 : end])}, err == nil
}

// descendants are all processes below pid.
func descendants(pid int) []int {
	children := map[int][]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if s, ok := readStat(child); ok {
			children[s.ppid] = append(children[s.ppid], child)
		}
	}
	var below []int
	for todo := children[pid]; len(todo) > 0; todo = todo[1:] {
		below = append(below, todo[0])
		todo = append(todo, children[todo[0]]...)
	}
	return below
}

// childThatIs is the child of pid that runs this program; 0: there is none.
func childThatIs(pid int, program string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for child := range strings.FieldsSeq(string(text)) {
		if exe, _ := os.Readlink("/proc/" + child + "/exe"); exe == program {
			n, _ := strconv.Atoi(child)
			return n
		}
	}
	return 0
}

// expects is true when the process ignores or catches each of the signals (proc_pid_status(5)).
func expects(pid int, signals []syscall.Signal) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	var mask uint64
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "SigIgn" || name == "SigCgt" {
			bits, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			mask |= bits
		}
	}
	for _, sig := range signals {
		if mask&(1<<(sig-1)) == 0 {
			return false
		}
	}
	return true
}

// promptly is within without a pause between two looks: for moments that do not last.
func promptly(done func() bool) bool {
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// describe names processes for a message.
func describe(pids []int) string {
	var lines []string
	for _, pid := range pids {
		s, _ := readStat(pid)
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		lines = append(lines, fmt.Sprintf("%d (parent %d, %s) %s: %s", pid, s.ppid, s.state, s.comm, strings.ReplaceAll(string(args), "\x00", " ")))
	}
	return strings.Join(lines, "\n")
}

// alive is false for a zombie too: it is only waited for.
func alive(pid int) bool {
	s, ok := readStat(pid)
	return ok && s.state != "Z"
}

// ledger is what a process holds.
type ledger struct{ fds, threads, children int }

func takeLedger(pid int) ledger {
	count := func(what string) int {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, what))
		return len(entries)
	}
	l := ledger{fds: count("fd"), threads: count("task")}
	for _, below := range descendants(pid) {
		if s, ok := readStat(below); ok && s.ppid == pid {
			l.children++
		}
	}
	return l
}

// restedLedger counts when nothing changes any more: the connection of a client
// may be closed a moment after it was answered.
func restedLedger(pid int) (l ledger, rested bool) {
	rested = within(patience, func() bool {
		last := l
		l = takeLedger(pid)
		time.Sleep(50 * time.Millisecond)
		return last == l
	})
	return l, rested
}
