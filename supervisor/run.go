package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// Options are what a run needs from the command line.
type Options struct {
	Config    *config.Config                 // checked
	Reload    func() (*config.Config, error) // reads it again, for an upgrade
	Log       *slog.Logger
	ReopenLog func()    // reopens the log after a rotation
	Signals   *Signals  // caught as early as possible; nil: Run catches them
	Companion Companion // nil: an [Onlooker]
	Custom    Custom
}

// Exit codes of a run; the rest are sysexits(3).
const (
	exitNeverServed = 1   // no generation ever came up
	exitUnavailable = 69  // cannot bind
	exitSystem      = 71  // the system refuses what every run needs
	exitCannotWrite = 73  // cannot write a pid file, the runtime directory or the log of the workers
	exitRunning     = 75  // another herder runs with this name or pid file
	exitPermission  = 77  // not allowed
	exitConfig      = 78  // the configuration cannot work
	exitCannotRun   = 126 // the command is not executable
	exitNotFound    = 127 // the command is not there
)

// Run herds one app until it is asked to stop, and returns the exit code.
func Run(o Options) int {
	if o.Signals == nil {
		o.Signals = Catch()
	}
	if o.ReopenLog == nil {
		o.ReopenLog = func() {}
	}
	if o.Companion == nil {
		o.Companion = Onlooker{}
	}
	r := &run{Options: o}
	defer r.end()
	if err := r.begin(); err != nil {
		o.Log.Error(err.Error())
		return exitCode(err)
	}
	v := r.herder.run(o.Custom.policy(o.Config))
	if v.Outcome == herd.NeverServed {
		o.Log.Error(fmt.Sprintf("no generation came up after %d tries; giving up", o.Config.StartTries), "reason", v.Reason)
		return exitNeverServed
	}
	return 0
}

// run is what begins with a run and ends with it, in reverse order.
type run struct {
	Options
	herder  *Herder
	pidfile *pidfile.Locked // the herder's own; nil: none
	ends    []func()
}

func (r *run) atEnd(f func()) { r.ends = append(r.ends, f) }

func (r *run) end() {
	for i := len(r.ends) - 1; i >= 0; i-- {
		r.ends[i]()
	}
}

// begin sets everything up before the first generation: first what tells
// whether this run may be at all, then what others can see.
func (r *run) begin() error {
	if err := r.lock(); err != nil {
		return err
	}
	if err := proc.Subreaper(); err != nil {
		return &systemError{err}
	}
	spawner, err := proc.NewSpawner()
	if err != nil {
		return &systemError{err}
	}
	r.atEnd(func() { spawner.Close() })
	if !proc.HavePidfd() {
		r.Log.Warn("the kernel gives no pidfds; processes are told apart by their start times")
	}
	t := newTender(r.Options, spawner, r.pidfile)
	r.atEnd(t.close)
	if err := t.first(r.Config); err != nil {
		return err
	}
	r.herder = newHerder(r.Options, t)
	go t.hearDeaths(r.Signals.deaths)
	if err := r.serve(); err != nil {
		return err
	}
	return r.Companion.Begun()
}

// lock makes sure that no other herder runs with this name or pid file.
func (r *run) lock() error {
	c := r.Config
	if err := control.MakeDir(c.RuntimeDir); err != nil {
		return &writeError{err}
	}
	if _, err := r.lockFile(filepath.Join(c.RuntimeDir, "lock")); err != nil {
		return err
	}
	sweepNotify(c.RuntimeDir, config.RuntimeBase())
	if c.Pidfile != "" {
		// Found now, and not when the first master is there and its pid cannot be told.
		if err := unix.Access(filepath.Dir(c.Pidfile), unix.W_OK|unix.X_OK); err != nil {
			return &writeError{fmt.Errorf("cannot write pid file %s: its folder: %w", c.Pidfile, err)}
		}
	}
	if c.HerderPidfile == "" {
		return nil
	}
	var err error
	r.pidfile, err = r.lockFile(c.HerderPidfile)
	return err
}

func (r *run) lockFile(path string) (*pidfile.Locked, error) {
	l, err := pidfile.Lock(path)
	if err != nil {
		return nil, &writeError{fmt.Errorf("cannot lock %s: %w", path, err)}
	}
	r.atEnd(func() {
		if err := l.Close(); err != nil {
			r.Log.Warn(err.Error())
		}
	})
	return l, nil
}

func (r *run) serve() error {
	path := filepath.Join(r.Config.RuntimeDir, "control.sock")
	server, err := control.Serve(path, r.herder.Handle, control.WithLog(r.Log))
	if err != nil {
		return &writeError{err}
	}
	r.atEnd(func() { server.Close() })
	return nil
}

// first makes the plan of the first generation, with what a service manager
// may have handed us.
func (t *tender) first(c *config.Config) error {
	inherited, err := handoff.Inherit(os.Environ(), os.Getpid())
	if err != nil {
		return err
	}
	if t.watch, err = handoff.NewWatch(nil); err != nil {
		return &systemError{err}
	}
	go t.hearTrouble()
	t.hold(inherited)
	if t.current, err = draw(c, inherited); err != nil {
		return err
	}
	t.hold(t.current.opened)
	t.prune()
	return nil
}

// hearDeaths passes SIGCHLD on. One signal may stand for many deaths.
func (t *tender) hearDeaths(deaths <-chan os.Signal) {
	for {
		select {
		case <-deaths:
			t.post(t.reap)
		case <-t.done:
			return
		}
	}
}

// close gives back what the tender holds; every generation is gone by now.
func (t *tender) close() {
	close(t.done)
	if t.follower != nil {
		t.follower.Close()
	}
	if t.watch != nil {
		t.watch.Close()
	}
	t.removePidFiles()
	for _, l := range t.listeners {
		if err := l.Close(); err != nil {
			t.log.Warn("cannot close a listener", "name", l.Name(), "error", err)
		}
	}
}

func newHerder(o Options, k Kernel) *Herder {
	return &Herder{
		name: o.Config.Name, kernel: k, log: o.Log, tell: notifier(o.Log),
		urgent: o.Signals.urgent, signals: o.Signals.wishes, tty: isTerminal(0),
		requests: make(chan request), callers: map[int]chan<- control.Reply{}, companion: o.Companion,
	}
}

// isTerminal: WINCH from a terminal that is resized is not a wish.
func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// systemError and writeError say which exit code an error of the start has.
type (
	systemError struct{ error }
	writeError  struct{ error }
)

func (e *systemError) Unwrap() error { return e.error }
func (e *writeError) Unwrap() error  { return e.error }

func exitCode(err error) int {
	var (
		locked  pidfile.ErrLocked
		write   *writeError
		system  *systemError
		bind    *handoff.Error
		startup *proc.Error
	)
	switch {
	case errors.As(err, &locked), errors.Is(err, control.ErrInUse):
		return exitRunning
	case errors.Is(err, os.ErrPermission) && !errors.As(err, &startup):
		return exitPermission
	case errors.As(err, &write):
		return exitCannotWrite
	case errors.As(err, &system):
		return exitSystem
	case errors.As(err, &bind):
		return exitUnavailable
	case errors.As(err, &startup):
		return proc.ExitCode(err)
	}
	return exitConfig
}
