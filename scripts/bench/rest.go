package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// settle is how long herder is left alone after an upgrade before it is looked at.
const settle = 10 * time.Second

// rested runs a herder with four workers, upgrades it once, and waits. The pids are those of herder and master.
func (b *bench) rested() (h *herd, pids []int, err error) {
	h, err = b.start(order{network: "tcp", workers: 4, program: workerProgram})
	if err != nil {
		return nil, nil, err
	}
	err = h.upgrade()
	if err == nil {
		err = b.pause(settle)
	}
	if err == nil {
		s, awaitErr := h.await(2)
		if err = awaitErr; err == nil && s.Serving.Master != nil {
			return h, []int{h.cmd.Process.Pid, s.Serving.Master.PID}, nil
		}
	}
	h.end()
	return nil, nil, err
}

// memoryRuns is how many herders are looked at: they differ by little. manyUpgrades is what the last of them does then.
const (
	memoryRuns   = 5
	manyUpgrades = 50
)

// memory adds up the herder and the native master of four workers.
func (b *bench) memory() error {
	var pss, dirty []int
	for i := range memoryRuns {
		h, pids, err := b.rested()
		if err != nil {
			return err
		}
		defer h.end()
		p, d, err := footprint(pids)
		if err != nil {
			return err
		}
		pss, dirty = append(pss, p), append(dirty, d)
		if i == memoryRuns-1 {
			slices.Sort(pss)
			slices.Sort(dirty)
			memoryRow("herder + native master, 4 workers: PSS, of it private dirty", pss[memoryRuns/2], dirty[memoryRuns/2], memoryRuns)
			if err := b.worn(h); err != nil {
				return err
			}
		}
		if err := h.stop(); err != nil {
			return err
		}
	}
	return nil
}

// worn looks at a herder which has upgraded often.
func (b *bench) worn(h *herd) error {
	for range manyUpgrades {
		if err := h.upgrade(); err != nil {
			return err
		}
	}
	if err := b.pause(settle); err != nil {
		return err
	}
	s, err := h.await(2 + manyUpgrades)
	if err != nil {
		return err
	}
	p, d, err := footprint([]int{h.cmd.Process.Pid, s.Serving.Master.PID})
	if err == nil {
		memoryRow(fmt.Sprintf("the same after %d more upgrades", manyUpgrades), p, d, 1)
	}
	return err
}

func memoryRow(what string, pss, dirty, runs int) {
	row(what, "11 MB, 4 MB", mb(pss)+", "+mb(dirty), pss <= 11*1024 && dirty <= 4*1024, runs)
}

// footprint adds up what processes have in memory, in kB.
func footprint(pids []int) (pss, dirty int, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, 0, err
		}
		pss += field(string(text), "Pss:")
		dirty += field(string(text), "Private_Dirty:")
	}
	return pss, dirty, nil
}

func mb(kb int) string { return fmt.Sprintf("%.1f MB", float64(kb)/1024) }

// idleness counts how often herder and master wake up while nothing happens.
func (b *bench) idleness() error {
	h, pids, err := b.rested()
	if err != nil {
		return err
	}
	defer h.end()
	before := []map[string]int{switches(pids[0]), switches(pids[1])}
	if err := b.pause(b.idle); err != nil {
		return err
	}
	herder, master := since(before[0], switches(pids[0])), since(before[1], switches(pids[1]))
	row(fmt.Sprintf("herder and master idle for %s: voluntary context switches of all threads", b.idle), "10",
		fmt.Sprintf("%d (herder %d, master %d)", herder+master, herder, master), herder+master <= 10, 1)
	return h.stop()
}

// switches are the voluntary context switches of each thread of a process.
func switches(pid int) map[string]int {
	n := map[string]int{}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		n[thread] = field(string(text), "voluntary_ctxt_switches:")
	}
	return n
}

// since adds up the differences; a thread that is new counts whole.
func since(before, after map[string]int) (n int) {
	for thread, count := range after {
		n += count - before[thread]
	}
	return n
}
