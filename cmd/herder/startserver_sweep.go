package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
)

// sweepStarters removes the folders below base of runs of start_server that were killed: each has
// a pid in its name, and the next run of the same service has another.
func sweepStarters(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, starterName+"-*"))
	if err != nil {
		return // the pattern is ours
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), starterName+"-"))
		if err == nil && unix.Kill(pid, 0) == unix.ESRCH {
			sweep(dir)
		}
	}
}

// sweep removes the folder of a run, unless that lives: its pid is perhaps one of
// another PID namespace. Whoever holds the lock is left in peace, and a folder with
// anything in it that is not known here stays.
func sweep(dir string) {
	lock, err := pidfile.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return
	}
	_ = os.Remove(filepath.Join(dir, "control.sock"))
	_ = lock.Close()
	_ = os.Remove(dir)
}
