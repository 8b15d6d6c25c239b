package master

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/herderd/herder/handoff"
)

func TestOrdersThatWaitAreMerged(t *testing.T) {
	scale := func(n int) Order { return Order{Do: DoScale, N: n} }
	quit, stop, reopen, hup := Order{Do: DoQuit}, Order{Do: DoStop}, Order{Do: DoReopen}, Order{Do: DoSignal, Signal: "HUP"}
	for _, c := range []struct{ in, want []Order }{
		{[]Order{scale(1), scale(2)}, []Order{scale(2)}},
		{[]Order{scale(1), reopen, scale(2)}, []Order{reopen, scale(2)}},
		{[]Order{scale(1), quit, scale(2)}, []Order{quit}},
		{[]Order{quit, stop, quit}, []Order{stop}},
		{[]Order{quit, quit}, []Order{quit}},
		{[]Order{reopen, hup, reopen, hup}, []Order{reopen, hup}},
		{[]Order{stop, reopen, scale(3), stop}, []Order{reopen, stop}},
	} {
		var queue []Order
		for _, o := range c.in {
			queue = mergeOrder(queue, o)
		}
		if !reflect.DeepEqual(queue, c.want) {
			t.Errorf("%v waits as %v, want %v", c.in, queue, c.want)
		}
	}
}

// Whatever is ordered: the queue is short, its last target is the last one that
// counts, and a word that ends the generation is not lost, nor softened.
func TestMergedOrdersMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var queue []Order
		ends, target := "", -1
		for range rapid.IntRange(0, 50).Draw(t, "n") {
			o := Order{Do: rapid.SampledFrom([]string{DoScale, DoQuit, DoStop, DoReopen, DoSignal, DoCheck}).Draw(t, "do")}
			switch {
			case o.Do == DoScale:
				o.N = rapid.IntRange(0, 9).Draw(t, "N")
				target = o.N
			case o.Do == DoSignal:
				o.Signal = rapid.SampledFrom([]string{"HUP", "USR2"}).Draw(t, "signal")
			case o.Do == DoStop || o.Do == DoQuit && ends == "":
				ends = o.Do
			}
			queue = mergeOrder(queue, o)
		}
		if len(queue) > 6 {
			t.Fatalf("%d orders wait: %v", len(queue), queue)
		}
		if ends != "" && !slices.ContainsFunc(queue, func(o Order) bool { return o.Do == ends }) {
			t.Fatalf("%s is lost: %v", ends, queue)
		}
		if ends == "" && target >= 0 && !slices.Contains(queue, Order{Do: DoScale, N: target}) {
			t.Fatalf("target %d is lost: %v", target, queue)
		}
	})
}

func TestReportsThatWaitAreMerged(t *testing.T) {
	var queue []Report
	for i := range 200 {
		queue = mergeReport(queue, Report{Kind: ReportState, State: &State{Up: i}})
		queue = mergeReport(queue, Report{Kind: ReportNote, Reason: fmt.Sprint(i)})
		queue = mergeReport(queue, Report{Kind: ReportAsked, Asked: "HUP"})
	}
	queue = mergeReport(queue, Report{Kind: ReportFailed})
	queue = mergeReport(queue, Report{Kind: ReportWarn}) // is not lost in the flood of notes
	kinds := map[string]int{}
	for _, r := range queue {
		kinds[r.Kind]++
		if r.Kind == ReportState && r.State.Up != 199 {
			t.Errorf("an old state waits: %+v", r.State)
		}
	}
	if want := map[string]int{ReportState: 1, ReportNote: maxNotes, ReportWarn: 1, ReportAsked: 1, ReportFailed: 1}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("what waits is %v, want %v", kinds, want)
	}
}

// A state of a thousand workers, and of more than the kernel takes without being asked.
func TestBigStatePasses(t *testing.T) {
	ours, fd, err := pair()
	check(t, err)
	defer ours.close()
	theirs, err := newConn(fd)
	check(t, err)
	defer theirs.close()
	st := &State{Target: 1000}
	for i := range 1500 {
		st.Workers = append(st.Workers, Worker{ID: i, PID: 4_000_000, Start: 1 << 40, State: "leaving", Last: "killed by SIGTERM"})
	}
	sent := make(chan error, 1)
	go func() { sent <- theirs.send(Report{Kind: ReportState, State: st}) }()
	var r Report
	check(t, ours.receive(&r))
	check(t, <-sent)
	if !reflect.DeepEqual(r.State, st) {
		t.Error("the state has changed on its way")
	}
}

func TestGarbageOnTheSocketIsPassedOver(t *testing.T) {
	ours, fd, err := pair()
	check(t, err)
	link := newLink(ours, nil)
	defer link.Close()
	for _, text := range []string{"{", "[]", "nonsense", `{"Kind":7}`, `{"Kind":"asked","Asked":"HUP"}`} {
		check(t, unix.Sendto(fd, []byte(text), unix.MSG_NOSIGNAL, nil))
	}
	if r := <-link.C(); r.Asked != "HUP" {
		t.Errorf("heard %+v", r)
	}
	unix.Close(fd)
	if r, open := <-link.C(); open {
		t.Errorf("the master is gone, and says %+v", r)
	}
	link.Send(Order{Do: DoQuit}) // in vain, and harmless
}

func TestSpecArrivesWhole(t *testing.T) {
	spec := Spec{
		Name: "app", Argv: []string{"a", "b c"}, Workers: 3, Watchdog: 7, Umask: -1,
		Listeners: []handoff.Passed{{Name: "x", FDs: []int{40, 41}}, {Name: "y", FDs: []int{9}}},
	}
	p, link, err := Prepare(spec, []int{40, 41, 9}, []string{"A=B"}, "/srv")
	check(t, err)
	defer link.Close()
	memfd, err := unix.FcntlInt(uintptr(p.Files[specFD]), unix.F_DUPFD_CLOEXEC, 3)
	check(t, err)
	got, err := readSpec(memfd)
	check(t, err)
	want := spec
	want.KillTimeout = DefaultKillTimeout
	want.Listeners = []handoff.Passed{{Name: "x", FDs: []int{5, 6}}, {Name: "y", FDs: []int{7}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !slices.Equal(p.Files[listenerFD:], []int{40, 41, 9}) || !p.Session || p.Dir != "/srv" || spec.Listeners[0].FDs[0] != 40 {
		t.Errorf("the master is spawned with %+v", p)
	}
	if _, _, err := Prepare(spec, []int{40}, nil, ""); err == nil {
		t.Error("passes on fewer descriptors than there are sockets")
	}
}

func TestReadSpecRefuses(t *testing.T) {
	if _, err := readSpec(-1); err == nil || !strings.Contains(err.Error(), "started by herder run") {
		t.Errorf("no descriptor: %v", err)
	}
	for _, text := range []string{"", "{}", "[]", `{"Argv":[]}`, `{"Argv":7}`} {
		if _, err := parseSpec([]byte(text)); err == nil {
			t.Errorf("takes %q for a spec", text)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(`{"Argv":["a"],"Workers":2,"Ready":{"kind":"auto"}}`))
	f.Add([]byte(`{"Argv":["a"],"StopTimeout":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSpec(b)
		if err != nil {
			return
		}
		if len(s.Argv) == 0 || s.KillTimeout <= 0 {
			t.Errorf("%q is taken for %+v", b, s)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
