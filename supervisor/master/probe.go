package master

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// probe asks once, beside the loop, where the policy is a probe. The answer of one
// worker speaks for all that boot: they share the socket, so we cannot choose whom
// we ask, and one of them may answer always.
func (s *shell) probe() {
	ask := s.question()
	if ask == nil || s.looks.probing {
		return
	}
	s.looks.probing = true
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		ctx, cancel := s.whileHere()
		defer cancel()
		err := ask(ctx)
		s.post(func() []pool.Event { return s.probed(err) })
	}()
}

// question is what a probe does; nil where the policy is none.
func (s *shell) question() func(context.Context) error {
	how := s.spec.Ready
	switch how.Kind {
	case ready.KindHTTP, ready.KindTCP:
		if target, found := s.target(); found {
			return func(ctx context.Context) error { return ready.Probe(ctx, how, target, belongs) }
		}
	case ready.KindExec:
		return func(ctx context.Context) error { return ready.Exec(ctx, how, s.spawnHelper) }
	}
	return nil
}

// whileHere is a context that ends with the master.
func (s *shell) whileHere() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-s.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (s *shell) probed(err error) []pool.Event {
	s.looks.probing = false
	if err != nil { // the next look asks again
		if text := err.Error(); text != s.looks.trouble {
			s.looks.trouble = text
			s.note(0, "probe: "+text)
		}
		return nil
	}
	var events []pool.Event
	for _, w := range s.workers {
		events = append(events, s.isReady(w)...)
	}
	return events
}

// target is the first listener that can be connected to.
func (s *shell) target() (ready.Target, bool) {
	for _, p := range s.spec.Listeners {
		if p.Network == handoff.TCP || p.Network == handoff.Unix {
			return ready.Target{Network: p.Network, Address: p.Address}, true
		}
	}
	return ready.Target{}, false
}

// maxDepth bounds a walk up the parents: no honest tree is that deep.
const maxDepth = 256

// belongs says whether a process is below this master.
func belongs(pid int) bool {
	self := os.Getpid()
	for range maxDepth {
		st, err := proc.Proc.Stat(pid)
		if err != nil || st.PPID == 0 {
			return false
		}
		if pid = st.PPID; pid == self {
			return true
		}
	}
	return false
}

// spawnHelper starts the command of an exec probe. It is called beside the loop,
// and asks the loop to spawn: so the exit cannot be reaped before it is expected.
func (s *shell) spawnHelper([]string) (func(context.Context) (int, error), error) {
	var helper *proc.Process
	var err error
	exit := make(chan unix.WaitStatus, 1)
	spawned := make(chan struct{})
	posted := s.post(func() []pool.Event {
		defer close(spawned)
		if helper, err = s.startHelper(); err == nil {
			s.helpers[helper.Ref().PID] = exit
		}
		return nil
	})
	if !posted {
		return nil, fmt.Errorf("cannot probe: %w", context.Canceled)
	}
	if <-spawned; err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) { return awaitHelper(ctx, helper, exit) }, nil
}

func awaitHelper(ctx context.Context, helper *proc.Process, exit <-chan unix.WaitStatus) (int, error) {
	defer helper.Close()
	select {
	case status := <-exit:
		return exitCode(status), nil
	case <-ctx.Done():
		if _, err := proc.Proc.KillTree(helper.Ref(), killTime); err != nil {
			return 0, err
		}
		return 0, ctx.Err()
	}
}

func (s *shell) startHelper() (*proc.Process, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("cannot find the working directory: %w", err)
	}
	spec, err := s.spec.Ready.Command(s.base, dir, os.Getenv("PATH"), unix.Stderr)
	if err != nil {
		return nil, err
	}
	spec.User = s.spec.User
	return s.spawner.Spawn(spec)
}

// exitCode is that of a shell: 128 and the signal's number for who was killed.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
