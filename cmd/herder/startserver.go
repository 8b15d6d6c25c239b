package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/ready"
	"github.com/herderd/herder/supervisor/starter"
)

// The drop-in for Server::Starter is herder with another command line and other words
// (package starter): each worker is a generation of kind fresh.

// starterName is what the program may be called by, and the command's name.
const starterName = "start_server"

// startServerCommand is in the list of commands; its words are read by package starter.
func startServerCommand() *cli.Command {
	return &cli.Command{Name: starterName, Usage: "start workers as Server::Starter does, with its flags"}
}

// startServer runs one command line of start_server and returns its exit code.
func startServer(args []string, stdout, stderr io.Writer) int {
	err := starterDo(args, stdout, stderr)
	if err == nil {
		return control.OK
	}
	if err.text != "" {
		fmt.Fprintln(stderr, starterName+": "+err.text)
	}
	return err.code
}

func starterDo(args []string, stdout, stderr io.Writer) *exit {
	c, err := starter.Parse(args)
	switch {
	case err != nil:
		return usage("%v", err)
	case c.Help:
		fmt.Fprint(stdout, starter.Help())
		return nil
	case c.Version:
		fmt.Fprintf(stdout, "%s (herder %s)\n", starter.Version, versionName())
		return nil
	case c.Restart:
		return starterRestart(c, stderr)
	case c.Stop:
		return starterStop(c, stderr)
	case c.Daemonize && !isDaemon():
		return daemonise()
	}
	return starterRun(c, stderr)
}

func starterRun(c *starter.Command, stderr io.Writer) *exit {
	signals := supervisor.Catch()
	cfg, err := starterConfig(c)
	if err != nil {
		return fail(control.Refused, "%v", err)
	}
	out, err := openStarterLog(c.LogFile)
	if err != nil {
		return fail(exitCannotWrite, "%v", err)
	}
	cfg.LogFile = out.path
	log, lines := newLog(2, "text", slog.LevelWarn)
	defer lines.Close()
	sweepStarters(config.RuntimeBase())
	fmt.Fprintf(stderr, "%s (pid:%d) starting now...\n", starterName, os.Getpid())
	keeper := starter.NewKeeper(c, starter.Hooks{
		Say:    func(line string) { _, _ = lines.Write([]byte(line + "\n")) },
		Begun:  func() error { return starterBegun(c, out, stderr) },
		Reopen: out.reopen,
	})
	code := supervisor.Run(supervisor.Options{
		Config: cfg, Log: log, Signals: signals, Companion: keeper,
		Reload: func() (*config.Config, error) { return again(c, out) },
		Custom: supervisor.Custom{
			Policy: starterPolicy(c), Environ: c.Environ, Numbers: c.Numbers(), Goodbye: keeper.Goodbye,
			Ignore: []unix.Signal{unix.SIGPIPE}, // the original does for itself, and its workers inherit that
		},
	})
	_ = os.Remove(cfg.RuntimeDir) // it has our pid in its name
	if code != control.OK {
		return &exit{code: code} // the log has said why
	}
	return nil
}

func again(c *starter.Command, out *starterLog) (*config.Config, error) {
	cfg, err := starterConfig(c)
	if err == nil {
		cfg.LogFile = out.path
	}
	return cfg, err
}

// starterBegun: what was found wrong before is said where start_server was started;
// from here on the log has it all.
func starterBegun(c *starter.Command, out *starterLog, stderr io.Writer) error {
	for _, l := range c.Listeners {
		if l.Chosen {
			fmt.Fprintf(stderr, "socket is duplicated to file descriptor %d\n", l.FD)
		}
	}
	if err := out.begin(); err != nil {
		return err
	}
	return daemonBegun()
}

// workersMayTake is how long a worker that is to leave may take: as long as it wants.
const workersMayTake = 100 * 365 * 24 * time.Hour

// starterConfig is the configuration that a command line of start_server means.
func starterConfig(c *starter.Command) (*config.Config, error) {
	name := starterRunName(os.Getpid())
	values := []config.Flag{
		{Name: "--name", Key: "name", Value: name},
		{Name: "--runtime-dir", Key: "runtime_dir", Value: filepath.Join(config.RuntimeBase(), name)},
		{Name: "--dialect", Key: "dialect", Value: "command"},
		{Name: "--kind", Key: "kind", Value: "fresh"},
	}
	for _, v := range []config.Flag{{Name: "--dir", Key: "directory", Value: c.Dir}, {Name: "--pid-file", Key: "herder_pidfile", Value: c.PidFile}} {
		if v.Value == "" {
			continue
		}
		abs, err := filepath.Abs(v.Value)
		if err != nil {
			return nil, fmt.Errorf("cannot tell where %s is: %w", v.Value, err)
		}
		v.Value = abs
		values = append(values, v)
	}
	cfg, err := config.Load("", config.Flags{Command: c.Argv, Values: values})
	if err != nil {
		return nil, err
	}
	cfg.Bind = starterBinds(c)
	cfg.Ready = ready.How{Kind: ready.KindDelay, Delay: c.Interval}
	cfg.ReadyTimeout, cfg.StopTimeout = c.Interval+time.Minute, workersMayTake
	cfg.Overlap = c.Settings().KillOldDelay
	cfg.Env = c.Variables() // PATH is looked for in it
	return cfg, nil
}

// starterBinds: Starman loses requests on a socket that somebody made non-blocking, and
// all workers share that flag.
func starterBinds(c *starter.Command) []handoff.Spec {
	specs := c.Specs()
	if row, _ := dialect.Recognise(c.Argv); row.Wait == dialect.Blocking {
		for i := range specs {
			specs[i].Options.Wait = handoff.Blocking
		}
	}
	return specs
}

// starterRunName is what a run is called: two on one machine must not be in each
// other's way, and start_server has no names.
func starterRunName(pid int) string { return fmt.Sprintf("%s-%d", starterName, pid) }

// starterPolicy: start_server never gives up, at a steady pace; who lived for the
// interval was no failed start; and any number of old workers may be leaving.
func starterPolicy(c *starter.Command) func(*herd.Policy) {
	return func(p *herd.Policy) {
		p.StartTries, p.MaxRetiring = math.MaxInt, math.MaxInt
		p.BackoffMin, p.BackoffMax, p.Seed = starter.Pace(c), starter.Pace(c), 0
		p.Settle = 0
		if c.Interval == 0 {
			p.Settle = starter.Pace(c)
		}
	}
}
