package starter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
)

// Version is that of Server::Starter whose face this is.
const Version = "0.35"

// Command is a command line of start_server.
type Command struct {
	Listeners    []Listener
	Dir          string
	Interval     time.Duration
	SignalOnHUP  string // without SIG
	SignalOnTERM string
	Backlog      int
	StatusFile   string
	PidFile      string
	LogFile      string            // a file, or "| command"
	Set          map[string]string // the variables that flags stand for

	Daemonize, Stop, Restart, Help, Version bool

	Argv []string

	ports, paths []string
}

// flag is one of the command line.
type flag struct {
	name  string
	value string // what it takes; "": nothing
	about string
	set   func(c *Command, v string) error
}

// flags are in the order of start_server's manual.
var flags = []flag{
	{"port", "PORT", "listen on [HOST:]PORT, u in front of the number is UDP, =FD behind it the descriptor; again and again", func(c *Command, v string) error {
		c.ports = append(c.ports, v)
		return nil
	}},
	{"path", "PATH", "listen on a unix socket, =FD behind it is the descriptor; again and again", func(c *Command, v string) error {
		c.paths = append(c.paths, v)
		return nil
	}},
	{"dir", "DIR", "where workers run", func(c *Command, v string) error { c.Dir = v; return nil }},
	{"interval", "SECONDS", "a worker that lives so long has started (default: 1)", func(c *Command, v string) error {
		return seconds(v, func(d time.Duration) { c.Interval = d })
	}},
	{"signal-on-hup", "SIGNAL", "what old workers are sent when a new one has started (default: TERM)", func(c *Command, v string) (err error) {
		c.SignalOnHUP, err = signal(v)
		return err
	}},
	{"signal-on-term", "SIGNAL", "what workers are sent at the end (default: TERM)", func(c *Command, v string) (err error) {
		c.SignalOnTERM, err = signal(v)
		return err
	}},
	{"pid-file", "FILE", "the pid of start_server, locked as long as it runs", func(c *Command, v string) error { c.PidFile = v; return nil }},
	{"status-file", "FILE", "a line GENERATION:PID for each worker", func(c *Command, v string) error { c.StatusFile = v; return nil }},
	{"envdir", "DIR", "a variable per file, read again for each worker", func(c *Command, v string) error { c.Set["ENVDIR"] = v; return nil }},
	{"log-file", "FILE", "takes stdout and stderr; \"| COMMAND\" is fed with them", func(c *Command, v string) error { c.LogFile = v; return nil }},
	{"daemonize", "", "go to the background; needs --log-file", func(c *Command, _ string) error { c.Daemonize = true; return nil }},
	{"enable-auto-restart", "", "start a new worker now and then", func(c *Command, _ string) error { c.Set["ENABLE_AUTO_RESTART"] = "1"; return nil }},
	{"auto-restart-interval", "SECONDS", "how often (default: 360)", func(c *Command, v string) error {
		return seconds(v, func(time.Duration) { c.Set["AUTO_RESTART_INTERVAL"] = v })
	}},
	{"kill-old-delay", "SECONDS", "before old workers are signalled (default: 5 with --enable-auto-restart, else 0)", func(c *Command, v string) error {
		return seconds(v, func(time.Duration) { c.Set["KILL_OLD_DELAY"] = v })
	}},
	{"backlog", "N", "how many connections may wait in a queue (default: 4096)", func(c *Command, v string) (err error) {
		if c.Backlog, err = strconv.Atoi(v); err != nil || c.Backlog < 0 || c.Backlog > maxBacklog {
			return fmt.Errorf("%q is not a number from 0 to %d", v, maxBacklog)
		}
		return nil
	}},
	{"restart", "", "restart the workers of the start_server in --pid-file, wait by --status-file until the old ones are gone", func(c *Command, _ string) error { c.Restart = true; return nil }},
	{"stop", "", "stop the start_server in --pid-file, wait until it is gone", func(c *Command, _ string) error { c.Stop = true; return nil }},
	{"help", "", "show this", func(c *Command, _ string) error { c.Help = true; return nil }},
	{"version", "", "print the version of Server::Starter that this is like", func(c *Command, _ string) error { c.Version = true; return nil }},
}

const (
	maxBacklog = 1 << 30
	maxSeconds = 24 * 60 * 60 // more is surely a mistake
)

// Parse reads a command line as Getopt::Long does: a flag may be cut short, have one
// dash, and stand behind arguments; -- ends the flags.
func Parse(args []string) (*Command, error) {
	c := &Command{Interval: time.Second, SignalOnHUP: "TERM", SignalOnTERM: "TERM", Set: map[string]string{}}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			c.Argv = append(c.Argv, args[i+1:]...)
			break
		}
		if len(word) < 2 || word[0] != '-' {
			c.Argv = append(c.Argv, word)
			continue
		}
		name, value, given := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		f, err := find(name)
		switch {
		case err != nil:
			return nil, err
		case f.value == "" && given:
			return nil, fmt.Errorf("--%s takes no value", f.name)
		case f.value != "" && !given && i+1 == len(args):
			return nil, fmt.Errorf("--%s needs a value", f.name)
		case f.value != "" && !given:
			i++
			value = args[i]
		}
		if err := f.set(c, value); err != nil {
			return nil, fmt.Errorf("--%s: %w", f.name, err)
		}
	}
	return c, c.finish()
}

// find is the flag with this name, or the only one that begins so.
func find(name string) (*flag, error) {
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.name)
	}
	whole, err := config.Whole("--"+strings.ToLower(name), names)
	if err != nil {
		return nil, err
	}
	i := slices.Index(names, whole)
	if i < 0 || name == "" {
		return nil, fmt.Errorf("unknown flag --%s (start_server --help lists them)", name)
	}
	return &flags[i], nil
}

// finish checks what must fit together.
func (c *Command) finish() error {
	switch {
	case c.Help || c.Version:
		return nil
	case c.Restart && (c.PidFile == "" || c.StatusFile == ""):
		return errors.New("--restart needs --pid-file and --status-file, those of the start_server that is meant")
	case c.Stop && c.PidFile == "":
		return errors.New("--stop needs --pid-file, that of the start_server that is meant")
	case c.Restart || c.Stop:
		return nil
	case c.Daemonize && c.LogFile == "":
		return errors.New("--daemonize needs --log-file: there is no terminal to write to")
	case len(c.Argv) == 0 || c.Argv[0] == "":
		return errors.New("no program to start: give it after -- (start_server --help says more)")
	}
	return c.listeners()
}

func seconds(v string, set func(time.Duration)) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxSeconds {
		return fmt.Errorf("%q is not a number of seconds from 0 to %d", v, maxSeconds)
	}
	set(time.Duration(n) * time.Second)
	return nil
}

// signal reads a name, with SIG or without, in any case.
func signal(v string) (string, error) {
	name := strings.TrimPrefix(strings.ToUpper(v), "SIG")
	if _, err := dialect.Signal(name); err != nil {
		return "", err
	}
	return name, nil
}

// Help is the text of --help.
func Help() string {
	var b strings.Builder
	b.WriteString("NAME:\n   herder start_server - starts workers as Server::Starter's start_server does\n\n")
	b.WriteString("USAGE:\n   start_server [FLAG…] -- COMMAND [ARG…]\n\nOPTIONS:\n")
	width := 0
	left := make([]string, len(flags))
	for i, f := range flags {
		left[i] = strings.TrimSpace("--" + f.name + " " + f.value)
		width = max(width, len(left[i]))
	}
	for i, f := range flags {
		fmt.Fprintf(&b, "   %-*s  %s\n", width, left[i], f.about)
	}
	return b.String()
}
