package supervisor

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/master"
	"github.com/herderd/herder/supervisor/pool"
	"github.com/herderd/herder/supervisor/proc"
)

// Spawn starts the master of a generation and begins to listen to it.
func (t *tender) Spawn(gen, workers int) []herd.Event {
	p := t.current
	if t.next != nil {
		p, t.next = t.next, nil
	}
	g := &tended{n: gen, plan: p, notify: notifyPath(p.config)}
	if err := t.spawn(g, workers); err != nil {
		t.log.Error("cannot spawn the master", "generation", gen, "error", err)
		t.prune()
		return append(t.endLoan(g), herd.StartFailed{Gen: gen, Why: err.Error()})
	}
	t.tended[gen] = g
	go t.listen(g)
	t.watchBoot(g)
	return nil
}

func (t *tender) spawn(g *tended, workers int) error {
	if g.plan.config.Kind != dialect.Pool {
		return t.spawnForeign(g)
	}
	spec, link, err := master.Prepare(t.masterSpec(g, workers), g.plan.fds(), t.environ(g), g.plan.config.Directory)
	if err != nil {
		return err
	}
	defer link.Spawned()
	if g.master, err = t.spawner.Spawn(spec); err != nil {
		link.Close()
		return err
	}
	g.link = link
	return nil
}

// headStart is what herder's own deadline has before that of the first workers: it knows
// more of why they are late.
const headStart = time.Second

// masterSpec is what the master is told about its workers.
func (t *tender) masterSpec(g *tended, workers int) master.Spec {
	c := g.plan.config
	argv := slices.Clone(c.Command)
	return master.Spec{
		Name: c.Name, Generation: g.n, Path: g.plan.path, Argv: argv,
		Listeners: g.plan.passed(), Workers: workers,
		Ready: c.Ready, ReadyTimeout: c.ReadyTimeout + headStart, StopTimeout: c.StopTimeout, Watchdog: c.Watchdog,
		Notify: g.notify, Dialect: c.Dialect, Graceful: c.Graceful, Quick: c.Quick,
		User: c.User, Umask: c.Umask, Nice: c.Nice, Rlimits: c.Rlimits,
		LogPrefix: c.LogPrefix, LogFile: c.LogFile, Seed: uint64(os.Getpid())<<16 + uint64(g.n),
	}
}

// fds are our descriptors of the plan's listeners, in declared order.
func (p *plan) fds() []int {
	var fds []int
	for _, l := range p.listeners {
		fds = append(fds, l.FDs()...)
	}
	return fds
}

// environ is the environment of a generation: ours, without what was meant
// for us alone, and what the configuration adds.
func (t *tender) environ(g *tended) []string {
	c := g.plan.config
	env, scrub := map[string]string{}, c.Row().Scrub
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok && !dialect.Private(k) && !slices.Contains(scrub, k) {
			env[k] = v
		}
	}
	maps.Copy(env, c.Env)
	env["PWD"] = c.Directory // as it is written: a symlink stays one
	t.custom.environ(g.n, env)
	env["HERDER_GENERATION"] = fmt.Sprint(g.n)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return list
}

// listen passes what a master says to the loop.
func (t *tender) listen(g *tended) {
	for r := range g.link.C() {
		t.post(func() []herd.Event { return t.heard(g, r) })
	}
	t.post(func() []herd.Event { return t.fellSilent(g) })
}

// heard turns what a master says into events.
func (t *tender) heard(g *tended, r master.Report) []herd.Event {
	switch r.Kind {
	case master.ReportState:
		fresh := anyNew(g.state.Workers, r.State.Workers)
		g.state = *r.State
		g.noteMarks()
		events := []herd.Event{herd.Up{Gen: g.n, N: r.State.Up}}
		if fresh && !g.leaving {
			// Servers change a listener as they start: the backlog, O_NONBLOCK.
			events = append(events, t.mend(g.plan.listeners)...)
		}
		return events
	case master.ReportFailed:
		g.tail = r.Tail
		return []herd.Event{herd.Failed{Gen: g.n, Why: r.Reason}}
	case master.ReportTail:
		g.tail = r.Tail
	case master.ReportMaster:
		t.found(g, proc.Ref{PID: r.PID, Start: r.Start})
	case master.ReportExtend:
		return []herd.Event{herd.Extend{Gen: g.n, By: r.Extend}}
	case master.ReportNote:
		t.log.Info(r.Reason, "generation", g.n, "worker", r.Worker)
	case master.ReportWarn:
		t.log.Warn(r.Reason, "generation", g.n)
	case master.ReportAsked:
		t.log.Info("somebody signalled the master", "generation", g.n, "signal", r.Asked)
		return t.asked(g.n, r.Asked)
	}
	return nil
}

// anyNew reports whether a worker is up that was not before. Their number says
// too little: only the newest state is sent, so a death and the start of who
// follows may come as one.
func anyNew(before, now []master.Worker) bool {
	up := pool.Up.String()
	return slices.ContainsFunc(now, func(w master.Worker) bool {
		return w.State == up && !slices.ContainsFunc(before, func(b master.Worker) bool {
			return b.State == up && b.PID == w.PID && b.Start == w.Start
		})
	})
}

// asked: a signal sent to a master by its pid file is a wish to the herd. The
// table is unicorn's (its SIGNALS file), which deploy scripts are written for.
func (t *tender) asked(gen int, signal string) []herd.Event {
	switch signal {
	case "QUIT", "WINCH":
		return []herd.Event{herd.Retire{Gen: gen}}
	case "TERM", "INT":
		return []herd.Event{herd.Retire{Gen: gen, Quick: true}}
	case "HUP", "USR2":
		return []herd.Event{herd.Upgrade{}}
	case "USR1":
		return []herd.Event{herd.Reopen{}}
	case "TTIN":
		return []herd.Event{herd.Scale{N: 1, Relative: true}}
	case "TTOU":
		return []herd.Event{herd.Scale{N: -1, Relative: true}}
	}
	return nil
}

// startTime is when a process began, for people.
func startTime(r proc.Ref) time.Time {
	return bootTime().Add(time.Duration(r.Start) * time.Second / ticksPerSecond)
}

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for user space on every
// architecture Go runs on (proc(5), time(7)).
const ticksPerSecond = 100

func bootTime() time.Time {
	return time.Now().Add(-sinceBoot()).Truncate(time.Millisecond)
}
