package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/herderd/herder/supervisor/control"
)

// Chaos is a run of a real herder under load to which a seeded sequence of deploys, signals, kills and accidents happens,
// two at a time. After each the herd must come to rest by itself, whole; at the end every request must have been answered
// and logged once, and nothing may be left. To see a sequence again:
//
//	go test ./cmd/herder/e2e -run TestChaos -chaos.seed N -chaos.steps M -v

var (
	chaosSeed  = flag.Uint64("chaos.seed", 303, "the sequence of TestChaos")
	chaosSteps = flag.Int("chaos.steps", 5, "how many steps TestChaos takes with each kind of worker")
)

func TestChaos(t *testing.T) {
	for _, kind := range []string{"go", "python"} {
		t.Run(kind, func(t *testing.T) {
			c := newChaos(t, kind, *chaosSeed)
			c.begin()
			for step := range *chaosSteps {
				c.step(step)
			}
			c.end()
		})
	}
}

// chaos is one run.
type chaos struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand // of this step
	nursery *nursery
	dir     string
	addr    string
	second  string // python: a unix socket, served beside addr
	extra   string // python: an address that comes and goes
	herder  int
	plan    plan
	hammers []*hammer.Hammer
	before  ledger
	paused  bool // the load ever was: only then may an idle connection have been closed
	watch   watch
}

// plan is what the configuration file says.
type plan struct {
	workers int
	overlap time.Duration
	rolling bool
	extra   bool
	hurried bool // give a successor up soon
	broken  bool
}

func newChaos(t *testing.T, kind string, seed uint64) *chaos {
	t.Logf("seed %d, workers in %s", seed, kind)
	dir, err := os.MkdirTemp("/tmp", "c") // short, for a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	n := storyNumber.Add(1)
	ip := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%200, n/200, 1+n%200)
	c := &chaos{
		t: t, seed: seed, nursery: newNursery(t), dir: dir, addr: ip + ":8080",
		plan: plan{workers: 2},
	}
	if kind == "python" {
		c.second, c.extra = filepath.Join(dir, "app.sock"), ip+":8081"
	}
	return c
}

// draw makes what is drawn from here on a matter of the seed and the step alone, whatever was drawn before.
func (c *chaos) draw(step int) { c.rng = rand.New(rand.NewPCG(c.seed, uint64(step))) }

func (c *chaos) path(name string) string { return filepath.Join(c.dir, name) }

// worker.sh gives every worker the same ways to fail at its start.
const chaosWorker = `read mode n < mode
case $mode in
crash) echo "worker: boom" >&2; exit 3;;
hang) trap '' TERM; sleep 600;;
slow) sleep $n;;
doomed) pid=$$; (sleep $n; kill -KILL $pid) 3<&- 4<&- 5<&- & ;;
esac
exec "$@"
`

func (c *chaos) begin() {
	c.write("app/worker.sh", chaosWorker)
	c.mode("ok")
	c.configure()
	argv := []string{filepath.Join(binDir, "herder"), "run", "-c", c.path("app.toml")}
	env := []string{"PATH=/usr/bin:/bin", "WORKER_LINGER=2", "WORKER_LOG=" + c.path("worker.log"), "GORACE=halt_on_error=0 exitcode=66"}
	pid, err := c.nursery.start(order{Argv: argv, Env: env, Dir: c.dir, Files: []string{"", c.path("out"), c.path("err")}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.herder = pid
	c.t.Cleanup(c.dump)
	c.calm()
	for range 2 { // what is only made at need is there before it is counted
		c.upgrade()
		c.calm()
	}
	var rested bool
	if c.before, rested = restedLedger(c.herder); !rested {
		c.t.Fatal("what the herder holds changes all the time")
	}
	c.watch.begin(c)
	c.hammers = c.load(1)
}

// load hammers both addresses; first says which numbers are used.
func (c *chaos) load(first int) []*hammer.Hammer {
	var hammers []*hammer.Hammer
	for i, addr := range []string{c.addr, c.second} {
		if addr != "" {
			hammers = append(hammers, hammer.Start(context.Background(), hammer.Target{
				Network: network(addr), Address: addr, Connections: 3, OneShot: 3,
				Log: c.path("worker.log"), First: (first + i) * numbers, Timeout: patience, Pause: 5 * time.Millisecond,
			}))
		}
	}
	return hammers
}

func (c *chaos) write(name, text string) {
	path := c.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) mode(mode string) { c.write("app/mode", mode+"\n") }

func (c *chaos) configure() {
	command, bind := []string{"/bin/sh", "worker.sh", filepath.Join(binDir, "goworker")}, []string{c.addr}
	if c.second != "" {
		command = []string{"/bin/sh", "worker.sh", program("python3"), filepath.Join(rootDir, "contrib/workers/worker.py")}
		bind = append(bind, c.second)
	}
	if c.plan.extra && c.extra != "" {
		bind = append(bind, c.extra)
	}
	ready, stop := "80s", "80s"
	if c.plan.hurried {
		ready, stop = "700ms", "5s"
	}
	text := fmt.Sprintf("name = \"app\"\ncommand = %s\nbind = %s\ndirectory = \"app\"\nworkers = %d\nrolling = %t\noverlap = %q\n"+
		"ready_timeout = %q\nstop_timeout = %q\nstart_tries = 1000\npidfile = %q\nherder_pidfile = %q\nruntime_dir = %q\n",
		tomlList(command), tomlList(bind), c.plan.workers, c.plan.rolling, c.plan.overlap.String(),
		ready, stop, c.path("app.pid"), c.path("herder.pid"), c.path("run"))
	if c.plan.broken {
		text += "workers = [\n"
	}
	c.write("app.toml", text)
}

func tomlList(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = strconv.Quote(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// end stops the load, sees that all is as it was, and stops the herder.
func (c *chaos) end() {
	for _, h := range c.hammers {
		if !within(patience, func() bool { return h.Answered() > 50 }) {
			c.t.Error("no answers")
		}
		report := h.Stop()
		c.t.Logf("%v", report)
		if report.Lost() > 0 || report.Excused > 0 || report.Answered == 0 || report.Retried > 0 && !c.paused {
			c.t.Errorf("requests were lost: %v", report)
		}
	}
	c.plan.extra = false // as it was when the ledger was taken
	c.configure()
	c.upgrade()
	c.calm()
	c.watch.end()
	var now ledger
	same := func() bool {
		now = takeLedger(c.herder)
		return now.fds == c.before.fds && now.children == c.before.children && now.threads <= c.before.threads+6
	}
	if !within(patience, same) {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", c.herder))
		for i, fd := range fds {
			link, _ := os.Readlink(fd)
			fds[i] = filepath.Base(fd) + " " + link
		}
		c.t.Errorf("the herder holds %+v, before it was %+v:\n%s", now, c.before, strings.Join(fds, "\n"))
	}
	last := c.load(3) // who comes too late is refused, but who was let in is answered
	if !within(patience, func() bool { return last[0].Answered() > 50 }) {
		c.t.Error("no answers at the end")
	}
	c.draw(-1)
	how := c.rng.IntN(len(farewells))
	delay := time.Duration(c.rng.IntN(600)) * time.Millisecond
	c.t.Logf("farewell %d, after %v TERM", how, delay)
	farewells[how](c)
	time.Sleep(delay)
	c.signal(c.herder, syscall.SIGTERM)
	if !within(patience, func() bool { _, ended := c.nursery.status(c.herder); return ended }) {
		c.t.Fatalf("the herder does not end")
	}
	for _, h := range last {
		report := h.Stop()
		if report.Lost() > report.Faults["refused"] {
			c.t.Errorf("requests were lost at the stop: %v", report)
		}
	}
	if status, _ := c.nursery.status(c.herder); status != 0 {
		c.t.Errorf("the herder ended with %s", exitText(status))
	}
	if left := descendants(c.nursery.pid); len(left) > 0 {
		c.t.Errorf("processes are left:\n%s", describe(left))
	}
	for _, name := range []string{"app.pid", "app.pid.oldbin", "herder.pid", "app.sock"} {
		if _, err := os.Lstat(c.path(name)); err == nil {
			c.t.Errorf("%s is left", name)
		}
	}
}

func (c *chaos) dump() {
	text, _ := os.ReadFile(c.path("err"))
	for _, bad := range []string{"WARNING: DATA RACE", "goroutine 1 [", "panic: ", "fatal error: ", "bug: "} {
		if strings.Contains(string(text), bad) {
			c.t.Errorf("the herder wrote %q", bad)
		}
	}
	if c.t.Failed() {
		c.t.Logf("the herder wrote:\n%s\nstill running:\n%s", tail(text, 20000), describe(descendants(c.nursery.pid)))
	}
}

// call asks the herder; it always answers.
func (c *chaos) call(r control.Request) control.Reply {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := control.Call(ctx, c.path("run/control.sock"), r)
	if err != nil {
		c.t.Errorf("%+v: %v", r, err)
	}
	return reply
}
