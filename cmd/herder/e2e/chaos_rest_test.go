package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/herderd/herder/supervisor/control"
)

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
