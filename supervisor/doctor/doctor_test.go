package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herderd/herder/handoff"
)

// sound is a herd about which no check has anything to say but that it is well.
func sound() *Herd {
	web := Listener{Name: "web", Address: "127.0.0.1:80", Condition: handoff.Condition{NonBlocking: true, Want: handoff.NonBlocking, Backlog: 64, Granted: 64, Asked: 64}}
	app := Listener{
		Name: "app.sock", Address: "/run/app/app.sock", Condition: handoff.Condition{Backlog: 1024, Granted: 1024}, Path: true,
		File: &File{Mode: 0o666, Folders: []Folder{{"/run/app", 0o755, 0}, {"/run", 0o755, 0}, {"/", 0o755, 0}}},
	}
	h := &Herd{
		State: "serving", Listeners: []Listener{web, app}, Graceful: "TERM", StopTimeout: 5 * time.Second, Between: time.Second,
		Above:    []string{"runsv", "runsvdir"},
		Pidfiles: []Pidfile{{Path: "app.pid", Whose: "the serving master", Want: 12, Says: 12}},
		Serving:  &Generation{Number: 3, Want: 2, Up: 2},
	}
	for id := 1; id <= 2; id++ {
		h.Serving.Workers = append(h.Serving.Workers, Worker{ID: id, Up: true, State: "up", For: time.Hour, Processes: []Process{server("python3")}})
	}
	return h
}

// server is a process that serves on both listeners of sound.
func server(name string) Process {
	both := []string{"app.sock", "web"}
	return Process{Name: name, Holds: both, Waits: both, Catches: true, Open: 10, MayOpen: 1024}
}

// text is what was found, without what is well.
func text(h *Herd) string {
	var b strings.Builder
	for _, f := range Examine(h) {
		if f.Level != OK || f.Check == "mended" {
			b.WriteString(string(f.Level) + " " + f.Check + ": " + f.Detail + "\n")
		}
	}
	return b.String()
}

// broken is one thing that can be wrong, and the finding.
type broken struct {
	harm func(*Herd)
	want string
}

func first(h *Herd) *Worker    { return &h.Serving.Workers[0] }
func root(h *Herd) *Process    { return &first(h).Processes[0] }
func file(h *Herd) *File       { return h.Listeners[1].File }
func folder(h *Herd) *Folder   { return &file(h).Folders[0] }
func web(h *Herd) *Listener    { return &h.Listeners[0] }
func app(h *Herd) *Listener    { return &h.Listeners[1] }
func pid(h *Herd) *Pidfile     { return &h.Pidfiles[0] }
func below(h *Herd, p Process) { first(h).Processes = append(first(h).Processes, p) }

// wrap puts a shell before the first worker.
func wrap(h *Herd, server Process) {
	shell := Process{Name: "sh", Program: "dash", Holds: server.Holds}
	first(h).Processes = []Process{shell, server}
}

// children gives the first worker so many that stay, come and go.
func children(h *Herd, old, fresh, gone int) {
	p := server("php-fpm")
	p.Forked = true
	for range old {
		below(h, p)
	}
	p.New = true
	for range fresh {
		below(h, p)
	}
	p.New = false
	first(h).Gone = slices.Repeat([]Process{p}, gone)
}

func everyServer(h *Herd, f func(*Process)) {
	for i := range h.Serving.Workers {
		f(&h.Serving.Workers[i].Processes[0])
	}
}

func TestSoundHerd(t *testing.T) {
	h := sound()
	if got := text(h); got != "" {
		t.Errorf("a sound herd: %s", got)
	}
	var said []string
	for _, f := range Examine(h) {
		said = append(said, f.Check)
	}
	want := slices.DeleteFunc(Checks(), func(id string) bool { return id == "mended" || id == "sight" })
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("checks that said nothing: %s", diff)
	}
}

// Every check but those that only report has a case here that makes it speak.
func TestEveryCheckHasACase(t *testing.T) {
	seen := map[string]bool{}
	for _, all := range []map[string]broken{servingCases(), socketCases(), fileCases(), processCases(), aroundCases()} {
		for name, c := range all {
			h := sound()
			c.harm(h)
			got := text(h)
			if diff := cmp.Diff(c.want, strings.TrimSuffix(got, "\n")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			for line := range strings.Lines(got) {
				_, rest, _ := strings.Cut(line, " ")
				id, _, _ := strings.Cut(rest, ":")
				seen[id] = true
			}
		}
	}
	for _, id := range Checks() {
		if !seen[id] {
			t.Errorf("no case makes %s speak", id)
		}
	}
}

// What another check finds wrong must not be called well by one that leaves it to that.
func TestNothingIsWellThatIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(*Herd)
		quiet []string // the checks that may not say that all is well
	}{
		"all serve elsewhere": {func(h *Herd) {
			everyServer(h, func(p *Process) { p.Waits, p.Listens = nil, []string{"0.0.0.0:8080"} })
		}, []string{"socket", "foreign"}},
		"a wrapper": {func(h *Herd) { wrap(h, server("python3")) }, []string{"wrapper", "graceful"}},
		"a wrapper that ignores": {func(h *Herd) {
			wrap(h, server("python3"))
			root(h).Ignores = true
		}, []string{"wrapper", "graceful"}},
		"nobody may look":    {func(h *Herd) { root(h).Hidden, h.Unseen = true, []string{"permission denied"} }, []string{"socket", "foreign"}},
		"no limit known":     {func(h *Herd) { everyServer(h, func(p *Process) { p.MayOpen = 0 }) }, []string{"limits"}},
		"the worker is new":  {func(h *Herd) { root(h).New = true }, []string{"respawn"}},
		"nothing seen of it": {func(h *Herd) { h.Binds, h.Listeners = true, nil; everyServer(h, func(p *Process) { p.Waits = nil }) }, []string{"foreign"}},
	} {
		h := sound()
		c.harm(h)
		for _, f := range Examine(h) {
			if f.Level == OK && slices.Contains(c.quiet, f.Check) {
				t.Errorf("%s: ok %s: %s", name, f.Check, f.Detail)
			}
		}
	}
}

// Whatever is wrong or dubious comes with what to do, on one line, and what is well with nothing.
func TestEveryFindingSaysWhatToDo(t *testing.T) {
	for _, all := range []map[string]broken{servingCases(), socketCases(), fileCases(), processCases(), aroundCases()} {
		for name, c := range all {
			h := sound()
			c.harm(h)
			for _, f := range Examine(h) {
				if (f.Do == "") != (f.Level == OK) || strings.Contains(f.Detail+f.Do, "\n") || f.Detail == "" {
					t.Errorf("%s: %+v", name, f)
				}
			}
		}
	}
}

// A herd of which nothing is there yet must not make a check stumble.
func TestEmptyHerd(t *testing.T) {
	for _, h := range []*Herd{{State: "starting"}, {State: "serving", Serving: &Generation{Number: 1, Want: 1, Workers: []Worker{{ID: 1, Up: true, State: "up"}}}}} {
		for _, f := range Examine(h) {
			if f.Detail == "" {
				t.Errorf("%+v", f)
			}
		}
	}
	if got := text(&Herd{State: "backoff"}); got != "wrong serves: no generation serves (backoff)\n" {
		t.Error(got)
	}
}

func TestNamesAreBounded(t *testing.T) {
	var ids []int
	for i := range 100 {
		ids = append(ids, i+1)
	}
	if got := names(ids); got != "workers 1, 2, 3, 4, 5, 6, 7, 8 and 92 more" {
		t.Error(got)
	}
}

var errLost = errors.New("this host has lost the address")
