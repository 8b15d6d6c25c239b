package main

import (
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
)

// setting is a flag of run that stands for a key of the file.
type setting struct {
	flag  string
	key   string
	kind  settingKind
	usage string
}

type settingKind int

const (
	once  settingKind = iota // the last one counts
	often                    // all count
	yesNo                    // needs no value
)

func settings() []setting {
	return []setting{
		{"name", "name", once, "what the herd is called (`NAME`)"},
		{"bind", "bind", often, "listen on `ADDR[,OPTION=VALUE]…`; can be given several times"},
		{"workers", "workers", once, "have `N` workers"},
		{"dialect", "dialect", once, "the command starts the server `NAME` (herder dialects lists them); auto: it is known by the command"},
		{"kind", "kind", once, "herd it as `KIND`: auto, pool, fresh, reexec"},
		{"dir", "directory", once, "run workers in `DIR`; a symlink is followed anew for each generation"},
		{"user", "user", once, "run workers as `USER[:GROUP]`"},
		{"env", "env", often, "a variable for the workers (`NAME=VALUE`); can be given several times"},
		{"pidfile", "pidfile", once, "the pid of the serving master goes to `FILE`"},
		{"herder-pidfile", "herder_pidfile", once, "the pid of herder itself goes to `FILE`"},
		{"runtime-dir", "runtime_dir", once, "the lock and the control socket are in `DIR`"},
		{"ready", "ready", once, "`HOW` a generation is known to be ready: auto, notify, fd, armed, http:/PATH, tcp, exec:COMMAND, delay:TIME, none"},
		{"ready-timeout", "ready_timeout", once, "give up a generation that is not ready after `TIME`"},
		{"overlap", "overlap", once, "both generations serve for `TIME`"},
		{"stop-timeout", "stop_timeout", once, "kill workers that have not finished after `TIME`"},
		{"start-tries", "start_tries", once, "give up after `N` first generations that failed"},
		{"rolling", "rolling", yesNo, "replace workers one by one at an upgrade"},
		{"log-file", "log.file", once, "what workers write goes to `FILE`, reopened on USR1"},
		{"log-format", "log.format", once, "`FORMAT` of herder's own lines: text, json"},
		{"log-prefix", "log.prefix", yesNo, "put [NAME GENERATION.WORKER] in front of each line of a worker"},
	}
}

func runCommand() *cli.Command {
	flags := []cli.Flag{&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the configuration `FILE`; flags win over it"}}
	for _, s := range settings() {
		switch s.kind {
		case once:
			flags = append(flags, &cli.StringFlag{Name: s.flag, Usage: s.usage})
		case often:
			flags = append(flags, &cli.StringSliceFlag{Name: s.flag, Usage: s.usage, KeepSpace: true})
		case yesNo:
			flags = append(flags, &cli.BoolFlag{Name: s.flag, Usage: s.usage})
		}
	}
	return &cli.Command{
		Name:      "run",
		Usage:     "herd an app, in the foreground, until asked to stop",
		ArgsUsage: "[-- COMMAND ARG…]",
		Flags:     flags,
		Action:    run,
	}
}

func run(c *cli.Context) error {
	signals := supervisor.Catch() // first: one that comes from here on is remembered
	if c.NArg() > 0 {
		return usage("run takes its command after --, so what is %q? (herder run … -- %s)", c.Args().First(), strings.Join(c.Args().Slice(), " "))
	}
	command, _ := c.App.Metadata["command"].([]string)
	file, flags := c.String("config"), runFlags(c, command)
	if file == "" && command == nil {
		return usage("run has nothing to run: give a command after --, or a file with -c")
	}
	return start{file: file, flags: flags, signals: signals}.run()
}

// start is a run as a command line asks for it.
type start struct {
	file      string
	flags     config.Flags
	signals   *supervisor.Signals
	level     slog.Level // of the log; the zero value is Info
	custom    supervisor.Custom
	companion func(log *slog.Logger, c *config.Config) supervisor.Companion // nil: none
}

func (s start) run() error {
	cfg, err := load(s.file, s.flags)
	if err != nil {
		return err
	}
	log, lines := newLog(2, cfg.LogFormat, s.level)
	defer lines.Close()
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	log.Info("the dialect", "name", cfg.Dialect, "why", cfg.DialectWhy, "kind", cfg.Kind)
	again := &reloader{log: log, load: func() (*config.Config, error) { return load(s.file, s.flags) }}
	again.last.Store(cfg)
	o := supervisor.Options{Config: cfg, Reload: again.reload, Log: log, Signals: s.signals, Custom: s.custom}
	if s.companion != nil {
		o.Companion = s.companion(log, cfg)
	}
	if code := supervisor.Run(o); code != control.OK {
		return &exit{code: code} // the log has said why
	}
	return nil
}

// runFlags are the settings among the flags, as config wants them.
func runFlags(c *cli.Context, command []string) config.Flags {
	flags := config.Flags{Command: command}
	for _, s := range settings() {
		if !c.IsSet(s.flag) {
			continue
		}
		values := []string{c.String(s.flag)}
		switch s.kind {
		case often:
			values = c.StringSlice(s.flag)
		case yesNo:
			values = []string{strconv.FormatBool(c.Bool(s.flag))}
		}
		for _, v := range values {
			flags.Values = append(flags.Values, config.Flag{Name: "--" + s.flag, Key: s.key, Value: v})
		}
	}
	return flags
}

// exitPermission is EX_NOPERM of sysexits(3).
const exitPermission = 77

// load reads the configuration, and sees whether we may become who it names
// before anything is bound.
func load(file string, flags config.Flags) (*config.Config, error) {
	cfg, err := config.Load(file, flags)
	if err != nil {
		return nil, fail(control.Refused, "%v", err)
	}
	if cfg.User != nil {
		if err := cfg.User.Allowed(); err != nil {
			return nil, fail(exitPermission, "%v", err)
		}
	}
	return cfg, nil
}

// reloader reads the configuration again, and says what is new in it: by name,
// for values may be secrets.
type reloader struct {
	log  *slog.Logger
	load func() (*config.Config, error)
	last atomic.Pointer[config.Config]
}

func (r *reloader) reload() (*config.Config, error) {
	cfg, err := r.load()
	if err != nil {
		return nil, err
	}
	last := r.last.Swap(cfg)
	for _, w := range cfg.Warnings {
		r.log.Warn(w)
	}
	if changed := last.Changed(cfg); len(changed) > 0 {
		r.log.Info("the configuration has changed", "keys", strings.Join(changed, " "))
	}
	if fixed := last.Fixed(cfg); len(fixed) > 0 {
		r.log.Warn("only a restart of herder can change this", "keys", strings.Join(fixed, " "))
	}
	return cfg, nil
}
