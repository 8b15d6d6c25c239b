package supervisor

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// herding runs the real loop on fake time and ends it with a TERM.
type herding struct {
	*Herder
	k       *fakeKernel
	urgent  chan os.Signal
	signals chan os.Signal
	ended   chan herd.Verdict
}

func startHerding(k *fakeKernel) *herding { return startHerdingWith(k, Onlooker{}) }

func startHerdingWith(k *fakeKernel, c Companion) *herding {
	r := &herding{k: k, urgent: make(chan os.Signal, 16), signals: make(chan os.Signal, 256), ended: make(chan herd.Verdict, 1)}
	r.Herder = &Herder{
		name: "app", kernel: k, log: slog.New(slog.NewTextHandler(io.Discard, nil)), tell: func(s string) { k.say("notify %.7s", s) },
		urgent: r.urgent, signals: r.signals, requests: make(chan request), callers: map[int]chan<- control.Reply{},
		companion: c,
	}
	go func() {
		r.ended <- r.run(testPolicy())
		close(k.gone)
	}()
	return r
}

// stop ends the run and says how it ended. Nothing may be left of it.
func (r *herding) stop(t *testing.T) herd.Verdict {
	t.Helper()
	r.urgent <- unix.SIGTERM
	v := <-r.ended
	if len(r.k.alive) > 0 {
		t.Errorf("generations left at the end: %v", r.k.alive)
	}
	return v
}

func (r *herding) ask(do string) control.Reply {
	return r.Handle(context.Background(), control.Request{V: control.Version, Do: do})
}

func story(t *testing.T, lives map[int]life, tell func(*herding)) string {
	t.Helper()
	var said string
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		k.lives = lives
		r := startHerding(k)
		tell(r)
		r.stop(t)
		said = k.story()
	})
	return said
}

func wantOrder(t *testing.T, said string, wanted ...string) {
	t.Helper()
	rest := said
	for _, w := range wanted {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Fatalf("missing %q (in this order) in:\n%s", w, said)
		}
		rest = rest[i+len(w):]
	}
}

func TestUpgradeIsAStory(t *testing.T) {
	said := story(t, nil, func(r *herding) {
		time.Sleep(5 * time.Second)
		if reply := r.ask(control.DoUpgrade); reply.Code != 0 || reply.Verdict == nil || reply.Verdict.Verdict != control.Upgraded {
			t.Errorf("upgrade: %+v", reply)
		}
		time.Sleep(time.Second)
	})
	wantOrder(t, said, "spawn 1", "publish app=1", "adopt 1", "notify READY=1", "check", "spawn 2", "publish app=2 old=1",
		"adopt 2", "seal 1", "tell gen=1 quit", "release 1", "seal 2", "tell gen=2 quit", "release 2")
}

func TestFailedUpgradeKeepsTheOld(t *testing.T) {
	for name, l := range map[string]life{"crashes": crashes, "hangs": hangs, "cannot be spawned": unborn} {
		t.Run(name, func(t *testing.T) {
			said := story(t, map[int]life{2: l}, func(r *herding) {
				time.Sleep(5 * time.Second)
				reply := r.ask(control.DoUpgrade)
				if reply.Code != control.Failed || reply.Verdict.Verdict != control.RolledBack || reply.Verdict.Reason == "" {
					t.Errorf("upgrade: %+v", reply)
				}
				if s := r.ask(control.DoStatus).Status; s.Serving == nil || s.Serving.Generation != 1 || s.State != "serving" {
					t.Errorf("status after the rollback: %+v", s)
				}
			})
			if i := strings.Index(said, "notify STOPPIN"); strings.Contains(said[:max(i, 0)], "tell gen=1") {
				t.Errorf("the old generation was touched:\n%s", said)
			}
		})
	}
}

// S1: TERM is never lost among other signals, whatever storm there is.
func TestStormOfSignalsEndsWithTerm(t *testing.T) {
	story(t, nil, func(r *herding) {
		for range 2500 {
			for _, s := range []os.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH} {
				select {
				case r.signals <- s:
				default: // as signal.Notify does
				}
			}
		}
	})
}

// W3: a herder that was stopped hears what was said meanwhile before it
// judges anybody late.
func TestLateHerderListensBeforeItJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		k.boot = 59 * time.Second
		r := startHerding(k)
		block := make(chan struct{})
		k.after(58*time.Second, nil...) // the loop is awake, then held up past the deadline of generation 1
		go func() { k.notices <- func() []herd.Event { <-block; return nil } }()
		time.Sleep(61 * time.Second)
		close(block)
		time.Sleep(time.Second)
		if s := r.ask(control.DoStatus).Status; s.Serving == nil || s.Serving.Generation != 1 {
			t.Errorf("status: %+v\n%s", s, k.story())
		}
		r.stop(t)
	})
}

// W3, as a process that is continued sees it: the words are there, but not yet passed on when the timer rings.
func TestLateHerderWaitsForWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		k.boot = 62*time.Second + 10*time.Millisecond
		r := startHerding(k)
		time.Sleep(58 * time.Second)
		k.notices <- func() []herd.Event { time.Sleep(4 * time.Second); return nil }
		time.Sleep(5 * time.Second)
		if s := r.ask(control.DoStatus).Status; s.Serving == nil || s.Serving.Generation != 1 {
			t.Errorf("status: %+v\n%s", s, k.story())
		}
		r.stop(t)
	})
}

func TestScaleSaysWhatBecameOfIt(t *testing.T) {
	story(t, nil, func(r *herding) {
		time.Sleep(5 * time.Second)
		for arg, want := range map[string]control.Reply{
			"3":                    {},
			"5000":                 {Note: "1000 workers, not 5000: there may be no more"},
			"+99999999999":         {Code: control.Usage, Error: `cannot scale to "+99999999999": want N, +N or -N`},
			"-9223372036854775808": {Code: control.Usage, Error: `cannot scale to "-9223372036854775808": want N, +N or -N`},
		} {
			if got := r.Handle(context.Background(), control.Request{V: control.Version, Do: control.DoScale, Arg: arg}); got != want {
				t.Errorf("scale %s: %+v", arg, got)
			}
		}
	})
}

// Sockets of their own need a worker each; one alone may have nobody, as any listener.
func TestPolicyOfSockets(t *testing.T) {
	for text, want := range map[string]struct {
		least int
		why   string
	}{
		"127.0.0.1:80":                        {},
		"127.0.0.1:80,reuseport=1":            {},
		"127.0.0.1:80,name=a,reuseport=4":     {4, "reuseport=4 of tcp:127.0.0.1:80 needs as many"},
		"udp:127.0.0.1:80,reuseport=3,name=b": {3, "reuseport=3 of udp:127.0.0.1:80 needs as many"},
	} {
		spec, err := handoff.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		two, err := handoff.ParseSpec("127.0.0.1:81,reuseport=2")
		if err != nil {
			t.Fatal(err)
		}
		c := &config.Config{Workers: 4, Bind: []handoff.Spec{spec}}
		if p := policy(c); p.MinWorkers != want.least || p.MinWhy != want.why {
			t.Errorf("%s: %d, %q", text, p.MinWorkers, p.MinWhy)
		}
		c.Bind = append(c.Bind, two)
		if p := policy(c); p.MinWorkers != max(2, want.least) {
			t.Errorf("%s and two more: %d", text, p.MinWorkers)
		}
	}
}

func TestMasterDiesWorkersServeOn(t *testing.T) {
	said := story(t, map[int]life{1: losesMaster}, func(r *herding) {
		time.Sleep(2 * time.Minute)
		if s := r.ask(control.DoStatus).Status; s.Serving == nil || s.Serving.Generation != 2 {
			t.Errorf("status: %+v", s)
		}
	})
	wantOrder(t, said, "spawn 1", "adopt 1", "spawn 2", "adopt 2", "seal 1", "tell gen=1 quit", "release 1")
}

func TestNeverServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKernel()
		k.lives = map[int]life{1: crashes, 2: unborn, 3: crashes, 4: neverTouched}
		r := startHerding(k)
		if v := <-r.ended; v.Outcome != herd.NeverServed || !strings.Contains(v.Reason, "exit 1") {
			t.Errorf("verdict: %v", v)
		}
	})
}

func TestStatusOfBackoff(t *testing.T) {
	story(t, map[int]life{1: crashes}, func(r *herding) {
		time.Sleep(1100 * time.Millisecond)
		s, now := r.ask(control.DoStatus).Status, time.Now()
		if s.State != "backoff" || s.NextStart == nil || s.NextStart.Reason != "worker 1: exit 1" || s.NextStart.Tries != 1 {
			t.Fatalf("status: %+v, next start %+v", s, s.NextStart)
		}
		if wait := s.NextStart.At.Sub(now); wait <= 0 || wait > testPolicy().BackoffMin {
			t.Errorf("next start in %s", wait)
		}
		time.Sleep(5 * time.Second)
		if s := r.ask(control.DoStatus).Status; s.State != "serving" || s.NextStart != nil {
			t.Errorf("status: %+v, next start %+v", s, s.NextStart)
		}
	})
}

func TestStubbornGenerationIsKilled(t *testing.T) {
	said := story(t, map[int]life{1: stubborn}, func(r *herding) { time.Sleep(5 * time.Second) })
	wantOrder(t, said, "tell gen=1 quit", "tell gen=1 kill", "release 1")
}

// W8: the herder looks after its listeners whenever somebody asks how it fares, and what comes of it is decided by the core.
func TestW8AskingMends(t *testing.T) {
	for _, ask := range []string{control.DoStatus, control.DoReady} {
		t.Run(ask, func(t *testing.T) {
			said := story(t, nil, func(r *herding) {
				time.Sleep(5 * time.Second)
				r.k.spoiled.Store(true)
				if reply := r.ask(ask); reply.Code != 0 {
					t.Errorf("%s: %+v", ask, reply)
				}
				time.Sleep(5 * time.Second)
			})
			wantOrder(t, said, "adopt 1", "mend", "check", "spawn 2", "adopt 2")
		})
	}
}

// W8: what is mended as a generation takes over is not forgotten either.
func TestW8MendedByAdoption(t *testing.T) {
	said := story(t, nil, func(r *herding) {
		r.k.spoiled.Store(true)
		time.Sleep(10 * time.Second)
	})
	wantOrder(t, said, "spawn 1", "adopt 1", "check", "spawn 2", "adopt 2")
}

// The loop answers at once with what it knows and was told; what is wrong is the code, and one line.
func TestDoctor(t *testing.T) {
	story(t, nil, func(r *herding) {
		if reply := r.ask(control.DoDoctor); reply.Code != control.Failed || reply.Error != "wrong: 1 of 1 findings" ||
			reply.Diagnosis.Findings[0].Detail != "no generation serves (starting)" {
			t.Errorf("while it starts: %+v %+v", reply, reply.Diagnosis)
		}
		time.Sleep(5 * time.Second)
		reply := r.ask(control.DoDoctor)
		if reply.Code != control.OK || reply.Error != "" || reply.Diagnosis.Name != "app" || len(reply.Diagnosis.Findings) == 0 {
			t.Errorf("a sound herd: %+v %+v", reply, reply.Diagnosis)
		}
		r.ask(control.DoUpgrade)
		reply = r.ask(control.DoDoctor)
		if f := reply.Diagnosis.Findings[0]; reply.Code != control.Failed || f.Level != control.FoundWrong || f.Check != "serves" || f.Do == "" {
			t.Errorf("a worker is missing: %+v %+v", reply, reply.Diagnosis)
		}
	})
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x1b[31mb\n\u00e9\xff"); got != "a?[31mb?\u00e9\ufffd" {
		t.Errorf("%q", got)
	}
}

// Between two looks a process stays, comes or goes; who waited in one of them does wait.
func TestCompareTwoLooks(t *testing.T) {
	process := func(pid int, start uint64, waits ...string) seenProcess {
		return seenProcess{doctor.Process{PID: pid, Waits: waits}, proc.Ref{PID: pid, Start: start}}
	}
	var w doctor.Worker
	compare(&w, []seenProcess{process(1, 1, "web"), process(2, 1), process(3, 1)}, []seenProcess{process(1, 1, "app"), process(2, 2), process(4, 1)})
	if len(w.Processes) != 3 || w.Processes[0].New || !w.Processes[1].New || !w.Processes[2].New {
		t.Errorf("there: %+v", w.Processes)
	}
	if !slices.Equal(w.Processes[0].Waits, []string{"app", "web"}) {
		t.Errorf("waits: %+v", w.Processes[0])
	}
	if len(w.Gone) != 2 || w.Gone[0].PID != 2 || w.Gone[1].PID != 3 {
		t.Errorf("gone: %+v", w.Gone)
	}
}

// lateKernel finds out whether the caller has heard before the pid files are written.
type lateKernel struct {
	*fakeKernel
	heard <-chan control.Reply
	early bool
}

func (k *lateKernel) Publish(herd.Publish) []herd.Event {
	k.early = len(k.heard) > 0
	return nil
}

// `herder upgrade && kill -QUIT $(cat app.pid)` means the new master.
func TestAnswerComesAfterThePidFiles(t *testing.T) {
	heard := make(chan control.Reply, 1)
	k := &lateKernel{heard: heard}
	h := &Herder{kernel: k, log: slog.New(slog.DiscardHandler), companion: Onlooker{}, callers: map[int]chan<- control.Reply{1: heard}}
	h.perform([]herd.Effect{herd.Reply{ID: 1, Outcome: herd.Accepted}, herd.Publish{App: 2}})
	if k.early || len(heard) != 1 {
		t.Errorf("answered before the pid files were written: %t, answers: %d", k.early, len(heard))
	}
}
