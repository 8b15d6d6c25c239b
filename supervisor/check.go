package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// plan is what a generation is made from: a configuration that was checked,
// with the listeners it names.
type plan struct {
	config    *config.Config
	path      string // of the command; relative to the directory if it was written so
	listeners []*handoff.Listener
	opened    []*handoff.Listener // those of them that were opened for this plan
}

// Check reads the configuration again and looks whether a generation can be
// made from it. Nothing is changed by looking. It may wait (for a slow disk,
// for an address), so it runs beside the loop, with a list of the listeners
// as they are now.
func (t *tender) Check(try int) {
	t.trying = try
	have := slices.Clone(t.listeners)
	go func() {
		p, err := t.look(have)
		t.post(func() []herd.Event { return t.checked(try, p, err) })
	}()
}

func (t *tender) look(have []*handoff.Listener) (*plan, error) {
	c, err := t.reload()
	if err != nil {
		return nil, err
	}
	return draw(c, have)
}

// checked takes the answer of the preflight. The plan waits for the core's
// next step, which makes a generation from it, or forgets it.
func (t *tender) checked(try int, p *plan, err error) []herd.Event {
	if try != t.trying {
		p.drop()
		return nil
	}
	t.trying = 0
	if err != nil {
		return []herd.Event{herd.Checked{Try: try, Why: err.Error()}}
	}
	t.next = p
	t.hold(p.opened)
	return []herd.Event{herd.Checked{Try: try, Policy: t.custom.policy(p.config)}}
}

func (t *tender) Forget() {
	t.trying = 0
	if t.next != nil {
		t.next = nil
		t.prune()
	}
}

// drop closes what was opened for a plan that came to nothing.
func (p *plan) drop() {
	if p == nil {
		return
	}
	for _, l := range p.opened {
		l.Close()
	}
}

// draw makes a plan: it finds the command and opens the listeners that are new.
func draw(c *config.Config, have []*handoff.Listener) (*plan, error) {
	p := &plan{config: c}
	err := c.LogFits()
	if err != nil {
		return nil, &writeError{err}
	}
	if p.path, err = findCommand(c); err != nil {
		return nil, err
	}
	if err := p.open(have); err != nil {
		p.drop()
		return nil, err
	}
	return p, nil
}

// findCommand resolves the command once a generation: what PATH means must
// not change while it serves, and "." is never searched.
func findCommand(c *config.Config) (string, error) {
	dir := c.Directory
	if fi, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("cannot use directory %s: %w", dir, err)
	} else if !fi.IsDir() {
		return "", fmt.Errorf("cannot use directory %s: it is not a directory", dir)
	}
	path := os.Getenv("PATH")
	if own, ok := c.Env["PATH"]; ok {
		path = own
	}
	command := c.Command[0]
	abs, err := proc.Look(command, dir, path)
	if err == nil && strings.Contains(command, "/") && !filepath.IsAbs(command) {
		// Relative to the directory as this generation entered it: a worker that is
		// replaced after a deploy must not come from the new release.
		return command, nil
	}
	return abs, err
}

// open takes over listeners that are open already and opens the others.
func (p *plan) open(have []*handoff.Listener) error {
	for _, spec := range p.config.Bind {
		l, err := p.listener(have, spec)
		if err != nil {
			return err
		}
		p.listeners = append(p.listeners, l)
	}
	_, err := handoff.Expand(p.config.Command, p.passed(), firstFD)
	return err
}

func (p *plan) listener(have []*handoff.Listener, spec handoff.Spec) (*handoff.Listener, error) {
	if l := match(have, spec); l != nil && l.Unseal() == nil {
		return l, nil // sealed ones that cannot be opened again are bound anew
	}
	if l, err := handoff.Claim(have, spec); l != nil || err != nil {
		return l, err
	}
	l, err := handoff.Open(context.Background(), spec)
	if err == nil {
		p.opened = append(p.opened, l)
	}
	return l, err
}

// match finds the listener that is open for the same address.
func match(have []*handoff.Listener, spec handoff.Spec) *handoff.Listener {
	for _, l := range have {
		if l.Spec().SameAddress(spec) {
			return l
		}
	}
	return nil
}

// firstFD is where a worker finds its listeners (sd_listen_fds(3)).
const firstFD = 3

// passed is what the workers are told of the listeners, by the names that this
// configuration gives them.
func (p *plan) passed() []handoff.Passed {
	ps := make([]handoff.Passed, len(p.listeners))
	for i, l := range p.listeners {
		ps[i] = l.Passed()
		if spec := p.config.Bind[i]; spec.Name != "" || !l.Inherited() {
			ps[i].Name = spec.DefaultName()
		}
	}
	return ps
}

// policy is what the core needs of the configuration.
func policy(c *config.Config) herd.Policy {
	p := herd.Defaults()
	p.Workers, p.Rolling, p.StartTries = c.Workers, c.Rolling, c.StartTries
	p.ReadyTimeout, p.Overlap, p.StopTimeout = c.ReadyTimeout, c.Overlap, c.StopTimeout
	p.Seed = uint64(os.Getpid())
	if c.Kind != dialect.Pool {
		p.Foreign, p.Workers = true, 1
	}
	for _, b := range c.Bind {
		// One socket alone may have nobody, as any listener; its queue waits.
		if n := b.Options.ReusePort; n > 1 && n > p.MinWorkers {
			p.MinWorkers, p.MinWhy = n, fmt.Sprintf("reuseport=%d of %s:%s needs as many", n, b.Network, b.Address)
		}
	}
	return p
}
