package e2e

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
)

// deeds are what people do to a herd. A good one brings up a new generation, unless an accident costs it.
var deeds = []struct {
	name string
	do   func(c *chaos)
	good bool
}{
	{"USR2", func(c *chaos) { c.signal(c.herder, unix.SIGUSR2) }, true},
	{"HUP", func(c *chaos) { c.signal(c.herder, unix.SIGHUP) }, true},
	{"USR2 to the master", func(c *chaos) { c.signal(c.serving(), unix.SIGUSR2) }, true},
	{"upgrades at once", (*chaos).upgrades, true},
	{"slow successor", func(c *chaos) { c.release("slow 0.4") }, true},
	{"crashing successor", func(c *chaos) { c.release("crash") }, false},
	{"hanging successor", func(c *chaos) { c.plan.hurried = true; c.configure(); c.release("hang") }, false},
	{"other number of workers", func(c *chaos) { c.plan.workers = 1 + c.rng.IntN(4); c.change() }, true},
	{"other overlap", func(c *chaos) { c.plan.overlap = time.Duration(c.rng.IntN(300)) * time.Millisecond; c.change() }, true},
	{"rolling or not", func(c *chaos) { c.plan.rolling = !c.plan.rolling; c.change() }, true},
	{"listener comes or goes", func(c *chaos) { c.plan.extra = !c.plan.extra; c.change() }, true},
	{"broken file", func(c *chaos) { c.plan.broken = true; c.change() }, false},
}

// accidents happen while a deed is under way.
var accidents = []struct {
	name  string
	do    func(c *chaos)
	costs bool // it may cost a successor
}{
	{"nothing", func(*chaos) {}, false},
	{"USR2 again", func(c *chaos) { c.signal(c.herder, unix.SIGUSR2) }, false},
	{"TTIN", func(c *chaos) { c.signal(c.herder, unix.SIGTTIN) }, false},
	{"TTOU", func(c *chaos) { c.signal(c.herder, unix.SIGTTOU) }, false},
	{"scale", func(c *chaos) { c.scale(1 + c.rng.IntN(4)) }, false},
	{"herder stopped", func(c *chaos) { c.halt(c.herder) }, false},
	{"master stopped", func(c *chaos) { c.halt(c.pidIn("app.pid")) }, false},
	{"worker stopped", func(c *chaos) { c.halt(c.worker()) }, false},
	{"master killed", func(c *chaos) { c.signal(c.pidIn("app.pid"), unix.SIGKILL) }, true},
	{"old master killed", func(c *chaos) { c.signal(c.pidIn("app.pid.oldbin"), unix.SIGKILL) }, false},
	{"serving master killed", func(c *chaos) { c.signal(c.serving(), unix.SIGKILL) }, true},
	{"every master killed", (*chaos).behead, true},
	{"QUIT to .oldbin", (*chaos).quitOld, false},
	{"signals to a young master", (*chaos).young, false},
	{"pid files removed", func(c *chaos) { c.remove("app.pid", "app.pid.oldbin", "herder.pid") }, false},
	{"harmless signals", (*chaos).harmless, false},
	{"storm", (*chaos).storm, false},
	{"upgrades at once", (*chaos).upgrades, false},
}

// lulls need the load to pause: what they do costs whoever is served just then.
var lulls = []struct {
	name string
	do   func(c *chaos)
}{
	{"worker killed", func(c *chaos) { c.signal(c.worker(), unix.SIGKILL) }},
	{"unix socket removed", func(c *chaos) { c.remove("app.sock") }},
	{"successor crashes when ready", (*chaos).crashWhenReady},
}

func (c *chaos) step(n int) {
	c.draw(n)
	if c.rng.IntN(8) == 0 {
		lull := lulls[c.rng.IntN(len(lulls))]
		c.t.Logf("%s step %d: %s", time.Now().Format("05.000"), n, lull.name)
		c.lull(lull.do)
		return
	}
	deed, accident := deeds[c.rng.IntN(len(deeds))], accidents[c.rng.IntN(len(accidents))]
	delay := time.Duration(c.rng.IntN(60)) * time.Millisecond
	if c.rng.IntN(3) == 0 {
		delay *= 8
	}
	c.t.Logf("%s step %d: %s, after %v %s", time.Now().Format("05.000"), n, deed.name, delay, accident.name)
	was := c.status().Serving.Generation
	deed.do(c)
	time.Sleep(delay)
	accident.do(c)
	if deed.good && !accident.costs {
		c.rises(was)
	}
	c.recover()
}

// rises waits until a later generation serves: no wish may be lost.
func (c *chaos) rises(was int) {
	if !within(patience, func() bool { return c.status().Serving.Generation > was }) {
		c.t.Fatalf("generation %d still serves: a wish was lost", was)
	}
}

// recover ends what a deed has put wrong, and lets the herd come to rest.
func (c *chaos) recover() {
	c.mode("ok")
	if c.plan.broken || c.plan.hurried {
		c.settle()
		c.plan.broken, c.plan.hurried = false, false
		c.configure()
	}
	c.upgrade()
	c.scale(c.plan.workers)
	c.calm()
}

// settle waits until no upgrade is under way.
func (c *chaos) settle() {
	if !within(patience, func() bool { return c.status().State == "serving" }) {
		c.t.Fatalf("an upgrade does not end: %+v", c.status())
	}
}

// upgrade asks until an upgrade with the files as they are now has been made.
func (c *chaos) upgrade() {
	var last control.Reply
	made := func() bool {
		last = c.call(control.Request{Do: control.DoUpgrade})
		return last.Code == control.OK
	}
	if !within(patience, made) {
		c.t.Fatalf("no upgrade succeeds: %+v", last)
	}
}

// upgrades asks thrice at once: each is answered, and at most one by an upgrade.
func (c *chaos) upgrades() {
	var all sync.WaitGroup
	replies := make([]control.Reply, 3)
	for i := range replies {
		all.Go(func() { replies[i] = c.call(control.Request{Do: control.DoUpgrade}) })
	}
	all.Wait()
	for _, r := range replies {
		if r.Code != control.OK && r.Code != control.Busy && r.Code != control.Failed && r.Code != control.Refused {
			c.t.Errorf("herder upgrade: %+v", r)
		}
	}
}

func (c *chaos) release(mode string) {
	c.mode(mode)
	c.signal(c.herder, unix.SIGUSR2)
}

func (c *chaos) change() {
	c.configure()
	c.signal(c.herder, unix.SIGHUP)
}

func (c *chaos) scale(n int) {
	if r := c.call(control.Request{Do: control.DoScale, Arg: fmt.Sprint(n)}); r.Code != control.OK {
		c.t.Errorf("herder scale %d: %+v", n, r)
	}
}

func (c *chaos) status() *control.Status {
	st := c.call(control.Request{Do: control.DoStatus}).Status
	if st == nil || st.Serving == nil {
		c.t.Fatalf("nothing serves: %+v", st)
	}
	return st
}

func (c *chaos) serving() int { return c.status().Serving.Master.PID }

func (c *chaos) worker() int {
	workers := c.status().Serving.Workers
	if len(workers) == 0 {
		return 0
	}
	return workers[c.rng.IntN(len(workers))].PID
}

// signal reaches only the herder and what is below it.
func (c *chaos) signal(pid int, s syscall.Signal) {
	if pid == c.herder || slices.Contains(descendants(c.herder), pid) {
		_ = syscall.Kill(pid, s)
	}
}

func (c *chaos) halt(pid int) {
	c.signal(pid, unix.SIGSTOP)
	time.Sleep(500 * time.Millisecond)
	c.signal(pid, unix.SIGCONT)
}

func (c *chaos) masters() []int {
	var masters []int
	for _, pid := range descendants(c.herder) {
		if s, ok := readStat(pid); ok && s.ppid == c.herder && s.comm == "herder" {
			masters = append(masters, pid)
		}
	}
	return masters
}

func (c *chaos) behead() {
	for _, pid := range c.masters() {
		c.signal(pid, unix.SIGKILL)
	}
}

// quitOld is what a deploy script does after USR2, as soon as it can, and again.
func (c *chaos) quitOld() {
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid := c.pidIn("app.pid.oldbin"); pid != 0 {
			c.signal(pid, unix.SIGQUIT)
			if c.rng.IntN(2) == 0 {
				return
			}
		}
	}
}

// young signals whatever master the pid file names, from its first moment there.
func (c *chaos) young() {
	signals := []syscall.Signal{unix.SIGUSR2, unix.SIGHUP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGUSR1}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid := c.pidIn("app.pid"); pid != 0 {
			_ = syscall.Kill(pid, signals[c.rng.IntN(len(signals))])
		}
	}
}

// farewells are what may be going on when the herder is asked to stop.
var farewells = []func(c *chaos){
	func(*chaos) {},
	func(c *chaos) { c.release("slow 0.4") },
	func(c *chaos) { c.release("ok") },
	(*chaos).behead,
}

func (c *chaos) remove(names ...string) {
	for _, name := range names {
		_ = os.Remove(c.path(name))
	}
}

func (c *chaos) harmless() {
	signals := []syscall.Signal{unix.SIGPIPE, unix.SIGALRM, unix.SIGTSTP, unix.SIGCONT, unix.SIGURG, unix.SIGVTALRM, unix.SIGPROF,
		unix.SIGIO, unix.SIGPWR, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGCHLD, unix.SIGUSR1, 35, 40, 64}
	for _, pid := range []int{c.herder, c.serving()} {
		for range 200 {
			_ = syscall.Kill(pid, signals[c.rng.IntN(len(signals))])
		}
	}
}

// storm ends with a number of workers, for TTOU may have left none.
func (c *chaos) storm() {
	signals := []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTTIN, unix.SIGTTOU}
	for _, pid := range []int{c.herder, c.serving()} {
		for range 300 {
			_ = syscall.Kill(pid, signals[c.rng.IntN(len(signals))])
		}
	}
	c.scale(c.plan.workers)
}

// lull does what would cost requests while there are none.
func (c *chaos) lull(do func(c *chaos)) {
	c.paused = true
	for _, h := range c.hammers {
		h.Pause()
	}
	do(c)
	c.upgrade()
	c.calm()
	for _, h := range c.hammers {
		h.Resume()
	}
}

// crashWhenReady: with an overlap the old generation takes over again; without one, the herd starts another.
func (c *chaos) crashWhenReady() {
	c.watch.end()
	c.mode("doomed 0.2")
	c.signal(c.herder, unix.SIGUSR2)
	time.Sleep(time.Duration(c.rng.IntN(600)) * time.Millisecond)
	c.mode("ok")
	c.upgrade()
	c.calm()
	c.watch.begin(c)
}
