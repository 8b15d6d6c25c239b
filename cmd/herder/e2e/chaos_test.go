package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	chaosSeed  = flag.Uint64("chaos.seed", 1, "the sequence of TestChaos")
	chaosSteps = flag.Int("chaos.steps", 9, "how many steps TestChaos takes with each kind of worker")
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
	rng     *rand.Rand
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
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), nursery: newNursery(t), dir: dir, addr: ip + ":8080",
		plan: plan{workers: 2},
	}
	if kind == "python" {
		c.second, c.extra = filepath.Join(dir, "app.sock"), ip+":8081"
	}
	return c
}

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
	c.before = takeLedger(c.herder)
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
	patient := "80s"
	if c.plan.hurried {
		patient = "700ms"
	}
	text := fmt.Sprintf("name = \"app\"\ncommand = %s\nbind = %s\ndirectory = \"app\"\nworkers = %d\nrolling = %t\noverlap = %q\n"+
		"ready_timeout = %q\nstart_tries = 1000\nstop_timeout = \"80s\"\npidfile = %q\nherder_pidfile = %q\nruntime_dir = %q\n",
		tomlList(command), tomlList(bind), c.plan.workers, c.plan.rolling, c.plan.overlap.String(),
		patient, c.path("app.pid"), c.path("herder.pid"), c.path("run"))
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
		report := h.Stop()
		c.t.Logf("%v", report)
		if report.Lost() > 0 || report.Excused > 0 || report.Answered == 0 || report.Retried > 0 && !c.paused {
			c.t.Errorf("requests were lost: %v", report)
		}
	}
	c.calm()
	c.watch.end()
	var now ledger
	same := func() bool {
		now = takeLedger(c.herder)
		return now.fds == c.before.fds && now.children == c.before.children && now.threads <= c.before.threads+6
	}
	if !within(patience, same) {
		c.t.Errorf("the herder holds %+v, before it was %+v", now, c.before)
	}
	last := c.load(3) // who comes too late is refused, but who was let in is answered
	if !within(patience, func() bool { return last[0].Answered() > 50 }) {
		c.t.Error("no answers at the end")
	}
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

// calm waits until one generation serves, whole, and nothing else is there; twice, for a remembered upgrade begins as
// soon as the one before has ended. Then everything must say the same.
func (c *chaos) calm() *control.Status {
	var st *control.Status
	why, last := "", 0
	rest := func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		reply, err := control.Call(ctx, c.path("run/control.sock"), control.Request{Do: control.DoStatus})
		if err != nil {
			why = err.Error()
			return false
		}
		st = reply.Status
		if why = c.unrest(st); why != "" {
			last = 0
			return false
		}
		n := st.Serving.Generation
		last, n = n, last
		return n == last
	}
	if !within(patience, rest) {
		c.t.Fatalf("the herd does not come to rest: %s", why)
	}
	return st
}

// unrest says what is not yet as it should be.
func (c *chaos) unrest(st *control.Status) string {
	if st.State != "serving" || st.Serving == nil || st.Successor != nil || len(st.Retiring) > 0 {
		return fmt.Sprintf("state %s, serving %v, successor %v, retiring %v", st.State, st.Serving, st.Successor, st.Retiring)
	}
	master, expect := st.Serving.Master.PID, []int{st.Serving.Master.PID}
	for _, w := range st.Serving.Workers {
		if w.State != "up" {
			return fmt.Sprintf("worker %+v", w)
		}
		expect = append(expect, w.PID)
	}
	if len(expect) != st.Serving.Want+1 {
		return fmt.Sprintf("%d workers, want %d", len(expect)-1, st.Serving.Want)
	}
	if below := descendants(c.herder); !sameSet(below, expect) {
		return fmt.Sprintf("below the herder are\n%s\nwant %v", describe(below), expect)
	}
	for name, pid := range map[string]int{"app.pid": master, "app.pid.oldbin": 0, "herder.pid": c.herder} {
		if got := c.pidIn(name); got != pid {
			return fmt.Sprintf("%s says %d, want %d", name, got, pid)
		}
	}
	for _, addr := range []string{c.addr, c.second} {
		if addr == "" {
			continue
		}
		answer, err := request(addr, "")
		if fields := strings.Fields(answer); err != nil || len(fields) < 2 || fields[1] != strconv.Itoa(st.Serving.Generation) {
			return fmt.Sprintf("%s answers %q, %v; generation %d serves", addr, answer, err, st.Serving.Generation)
		}
	}
	return c.extraUnrest()
}

func (c *chaos) extraUnrest() string {
	if c.extra == "" {
		return ""
	}
	conn, err := net.Dial("tcp", c.extra)
	if err == nil {
		_ = conn.Close()
	}
	if (err == nil) != (c.plan.extra) {
		return fmt.Sprintf("%s: %v, want it open: %t", c.extra, err, c.plan.extra)
	}
	return ""
}

func sameSet(a, b []int) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// pidIn is what a pid file says; 0 when there is none.
func (c *chaos) pidIn(name string) int {
	text, _ := os.ReadFile(c.path(name))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// watch looks at the herd all the time, as an impatient administrator does.
type watch struct {
	stop chan struct{}
	all  sync.WaitGroup
}

func (w *watch) begin(c *chaos) {
	w.stop = make(chan struct{})
	w.all.Go(func() {
		for highest := 0; ; {
			select {
			case <-w.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			st := c.call(control.Request{Do: control.DoStatus}).Status
			if st == nil || st.PID != c.herder || st.Serving == nil || len(st.Listeners) == 0 {
				c.t.Errorf("nothing serves: %+v", st)
				return
			}
			if st.Serving.Generation < highest && st.Successor == nil && st.State == "serving" && st.LastUpgrade.Verdict == "upgraded" {
				c.t.Errorf("generation %d serves after %d did: %+v", st.Serving.Generation, highest, st)
			}
			if st.State == "serving" {
				highest = st.Serving.Generation
			}
		}
	})
}

func (w *watch) end() {
	close(w.stop)
	w.all.Wait()
}
