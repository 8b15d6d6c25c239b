// Command bench measures the numbers that the project promises, on one machine in one run, and prints them as a table.
// What depends on the machine is compared with the same thing done without herder, turn by turn, so that other load hits
// both alike. It sends load to loopback only, and every process it starts is gone when it ends.
//
//	go run ./scripts/bench                              everything
//	go run ./scripts/bench -only memory,spawn           some of it
//	go run ./scripts/bench -upgrades 50 -idle 10s       a look
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bench is one run.
type bench struct {
	ctx      context.Context
	dir      string // binaries, sockets, logs
	only     []string
	runs     int
	idle     time.Duration
	upgrades int
	lost     int
}

// measures are all there are, in the order of the table; those with several names share their runs.
var measures = []struct {
	names []string
	do    func(*bench) error
}{
	{[]string{"lost"}, (*bench).losses},
	{[]string{"upgrade", "gone"}, (*bench).passage},
	{[]string{"replace"}, (*bench).replacement},
	{[]string{"memory"}, (*bench).memory},
	{[]string{"idle"}, (*bench).idleness},
	{[]string{"spawn"}, (*bench).spawning},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	b := &bench{ctx: ctx}
	only := flag.String("only", "", "a list of "+strings.Join(names(), ", "))
	flag.IntVar(&b.runs, "runs", 30, "how often a time is measured")
	flag.DurationVar(&b.idle, "idle", time.Minute, "how long herder is watched doing nothing")
	flag.IntVar(&b.upgrades, "upgrades", 1000, "upgrades under load, over TCP and over unix each")
	flag.Parse()
	b.only = names()
	if *only != "" {
		b.only = strings.Split(*only, ",")
	}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() (all []string) {
	for _, m := range measures {
		all = append(all, m.names...)
	}
	return all
}

func (b *bench) run() (err error) {
	for _, name := range b.only {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("no measure is called %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	if b.runs < 1 || b.upgrades < 1 || b.idle <= 0 {
		return fmt.Errorf("-runs, -upgrades and -idle must be above 0")
	}
	if b.dir, err = os.MkdirTemp("", "herder-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	// The workers of one measure run as another user.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := b.build(); err != nil {
		return err
	}
	// Whatever daemonises below us becomes our child, and is found at the end.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	b.heading()
	for _, m := range measures {
		if !slices.ContainsFunc(m.names, b.asked) {
			continue
		}
		if err := m.do(b); err != nil {
			return fmt.Errorf("%s: %w", m.names[0], err)
		}
	}
	if b.lost > 0 {
		return fmt.Errorf("%d requests were lost", b.lost)
	}
	return nil
}

func (b *bench) asked(name string) bool { return slices.Contains(b.only, name) }

// pause waits, unless the run is to end.
func (b *bench) pause(d time.Duration) error {
	select {
	case <-b.ctx.Done():
		return fmt.Errorf("interrupted")
	case <-time.After(d):
		return nil
	}
}
