// Command bench measures the numbers that the project promises, on one machine in one run, and prints them as a table.
// What depends on the machine is compared with the same thing done without herder, turn by turn, so that other load hits
// both alike. It sends load to loopback only, and every process it starts is gone when it ends.
//
//	go run ./scripts/bench                              everything
//	go run ./scripts/bench -only memory,spawn           some of it
//	go run ./scripts/bench -upgrades 50 -idle 10s       a look
//	go run ./scripts/bench -realtime -only reexec       on a machine that has other work
//
// The measures reexec, fresh and serverlost are of unicorn and gunicorn, which must be installed. By hand means: SIGUSR2
// to the master, and as soon as all new workers serve the graceful signal to the old one; nobody herds it.
package main

import (
	"context"
	"errors"
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
	root     string // of the module
	dir      string // binaries, sockets, logs
	only     []string
	runs     int
	idle     time.Duration
	upgrades int
	realtime bool
	lost     int
}

// measure takes numbers; one with several names takes several in the same runs.
type measure struct {
	names []string
	do    func(*bench) error
	timed bool // takes times, for a short while only
}

// measures are all there are, in the order of the table; -only gives another order.
var measures = []measure{
	{[]string{"lost"}, (*bench).losses, false},
	{[]string{"reexec"}, (*bench).reexecs, true},
	{[]string{"fresh"}, (*bench).freshes, true},
	{[]string{"serverlost"}, (*bench).serverLosses, false},
	{[]string{"upgrade", "gone"}, (*bench).passage, true},
	{[]string{"replace"}, (*bench).replacement, true},
	{[]string{"memory"}, (*bench).memory, false},
	{[]string{"idle"}, (*bench).idleness, false},
	{[]string{"spawn"}, (*bench).spawning, true},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	b := &bench{ctx: ctx}
	only := flag.String("only", "", "a list of "+strings.Join(names(), ", "))
	flag.IntVar(&b.runs, "runs", 30, "how often a time is measured")
	flag.DurationVar(&b.idle, "idle", time.Minute, "how long herder is watched doing nothing")
	flag.IntVar(&b.upgrades, "upgrades", 1000, "upgrades under load, over TCP and over unix each; of an app server at most 100")
	flag.BoolVar(&b.realtime, "realtime", false, "take times at real-time priority, on a machine that has other work too")
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
	done := make([]bool, len(measures))
	for _, name := range b.only {
		i := slices.IndexFunc(measures, func(m measure) bool { return slices.Contains(m.names, name) })
		if done[i] {
			continue
		}
		done[i] = true
		if err := b.take(measures[i]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if b.lost > 0 {
		return fmt.Errorf("%d requests were lost", b.lost)
	}
	return nil
}

func (b *bench) take(m measure) (err error) {
	if b.realtime && m.timed {
		if err := realtime(true); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, realtime(false)) }()
	}
	return m.do(b)
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
