package ready

import (
	"context"
	"errors"
	"fmt"

	"github.com/herderd/herder/supervisor/proc"
)

// Spawn starts a command for [Exec] and returns how to wait for its end. It is
// a seam: one owner does every wait in the program, and knows how to spawn.
//
// wait returns the exit code, or 128 and the signal's number as a shell says
// it. When ctx ends first, it ends the whole process group by SIGKILL, waits
// for the command, and returns ctx's error.
type Spawn func(argv []string) (wait func(ctx context.Context) (int, error), err error)

// Exec runs the command of a [KindExec] once; 0 is ready. Nobody can tell which
// generation the command asked; HERDER_GENERATION in its environment says which
// it should. It takes at most [ProbeLimit].
func Exec(ctx context.Context, how How, spawn Spawn) error {
	if how.Kind != KindExec || len(how.Argv) == 0 {
		return fmt.Errorf("cannot run a command for %q", how)
	}
	ctx, cancel := context.WithTimeout(ctx, ProbeLimit)
	defer cancel()
	wait, err := spawn(how.Argv)
	if err != nil {
		return fmt.Errorf("cannot run the readiness command: %w", err)
	}
	code, err := wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("it ended with %d", code)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it took longer than it may: %w", err)
	}
	if err != nil {
		return fmt.Errorf("not ready says %q: %w", how.Argv[0], err)
	}
	return nil
}

// Command is how the command of a [KindExec] is to be spawned: looked up in
// path relative to dir, in a process group of its own, without any fd but
// /dev/null as stdin and out as stdout and stderr (-1: /dev/null), so without
// our listeners.
func (h How) Command(env []string, dir, path string, out int) (proc.Spec, error) {
	if h.Kind != KindExec || len(h.Argv) == 0 {
		return proc.Spec{}, fmt.Errorf("cannot run a command for %q", h)
	}
	abs, err := proc.Look(h.Argv[0], dir, path)
	if err != nil {
		return proc.Spec{}, fmt.Errorf("cannot run the readiness command: %w", err)
	}
	return proc.Spec{
		Path: abs, Argv: h.Argv, Env: env, Dir: dir,
		Files: []int{-1, out, out}, Umask: -1, Group: true,
	}, nil
}
