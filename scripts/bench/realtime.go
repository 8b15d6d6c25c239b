package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// scheduling policies, sched(7)
const (
	schedOther = 0
	schedRR    = 2
)

// realtime gives all threads, and so all processes started from now on, the lowest real-time priority, or takes it back:
// then what else runs on the machine hardly counts. A thread that starts meanwhile has what its creator has.
func realtime(on bool) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: schedOther}
	if on {
		attr.Policy, attr.Priority = schedRR, 1
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		tid, _ := strconv.Atoi(t.Name())
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("cannot change the priority: %w", err)
		}
	}
	return nil
}
