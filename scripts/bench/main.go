// Command bench measures the numbers that the project promises, on one machine in one run, and prints them as a table. Where a
// number depends on the machine it is compared with the same thing done without herder, a moment before.
//
//	go run ./scripts/bench                         everything; about ten minutes
//	go run ./scripts/bench -upgrades 50 -idle 5s   a look
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// bench is one run.
type bench struct {
	dir      string // for sockets and logs
	herder   string // binaries
	worker   string
	upgrades int
	runs     int
	idle     time.Duration
}

func main() {
	b := &bench{}
	flag.IntVar(&b.upgrades, "upgrades", 1000, "upgrades under load, each over TCP and unix")
	flag.IntVar(&b.runs, "runs", 30, "how often a time is measured")
	flag.DurationVar(&b.idle, "idle", time.Minute, "how long herder is watched doing nothing")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run() error {
	dir, err := os.MkdirTemp("/tmp", "hb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir, b.herder, b.worker = dir, filepath.Join(dir, "herder"), filepath.Join(dir, "goworker")
	for path, pkg := range map[string]string{b.herder: "./cmd/herder", b.worker: "./contrib/workers/goworker"} {
		if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build %s: %w\n%s", pkg, err, out)
		}
	}
	fmt.Println("| what | measured | at most |\n| --- | --- | --- |")
	for _, measure := range []func() error{b.spawning, b.passage, b.replacement, b.memory, b.idleness, b.losses} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

func row(what, measured, limit string) { fmt.Printf("| %s | %s | %s |\n", what, measured, limit) }

// times are measured several times; the median is what is compared.
type times []time.Duration

func (t times) median() time.Duration {
	slices.Sort(t)
	return t[len(t)/2]
}

func (t times) String() string {
	m := t.median()
	return fmt.Sprintf("%s (%s to %s)", ms(m), ms(t[0]), ms(t[len(t)-1]))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
