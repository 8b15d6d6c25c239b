package pool

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// epoch is the begin of every story; any moment would do.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestStories plays testdata/*.txt; -rewrite writes what happens now as golden.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		s := newTeller(&orders, &cells)
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
			return s.tell(append([]string{d.Cmd}, argsOf(d)...))
		})
	})
}

func argsOf(d *datadriven.TestData) []string {
	var args []string
	for _, a := range d.CmdArgs {
		args = append(args, a.String())
	}
	return args
}

// teller plays a story: one pool, a clock, and commands.
type teller struct {
	orders *orderTable
	cells  *cellTable
	pool   *Pool
	now    time.Time
	pid    int
	out    strings.Builder
	starts []int
}

func newTeller(o *orderTable, c *cellTable) *teller {
	return &teller{orders: o, cells: c, now: epoch, pid: 100}
}

// tell plays one command and returns the effects and the state after it.
func (s *teller) tell(words []string) string {
	s.out.Reset()
	named, plain := argsFrom(words[1:])
	switch cmd := words[0]; cmd {
	case "new":
		s.make(named)
	case "cell":
		s.make(named)
		s.place(named)
		s.step(s.eventOf(named["news"], "1", named))
	case "order":
		s.make(named)
		s.place(named)
		s.step(s.eventOf(named["word"], named["n"], named))
	case "advance":
		s.advance(plain[0])
	case "raise":
		s.raise()
	default:
		s.step(s.eventOf(cmd, first(plain), named))
	}
	fmt.Fprintln(&s.out, s.pool)
	return s.out.String()
}

func argsFrom(words []string) (named map[string]string, plain []string) {
	named = map[string]string{}
	for _, w := range words {
		if k, v, is := strings.Cut(w, "="); is {
			named[k] = v
		} else {
			plain = append(plain, w)
		}
	}
	return named, plain
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func (s *teller) make(named map[string]string) {
	s.now, s.pid, s.starts = epoch, 100, nil
	p := Policy{Workers: 2, StopTimeout: 30 * time.Second, KillTimeout: 5 * time.Second}
	for k, v := range named {
		switch k {
		case "workers":
			p.Workers = number(v)
		case "ready":
			p.ReadyTimeout = duration(v)
		case "stop":
			p.StopTimeout = duration(v)
		case "kill":
			p.KillTimeout = duration(v)
		case "watchdog":
			p.Watchdog = duration(v)
		case "seed":
			p.Seed = uint64(number(v))
		}
	}
	s.pool = New(p)
	s.pool.orders, s.pool.cells, s.pool.now = s.orders, s.cells, s.now
}

// place puts a pool of two by hand into a want, and its worker 1 into a phase and
// a fate, in which it has been for 2 s; worker 2 is up. Two seconds later is now.
func (s *teller) place(named map[string]string) {
	p, then := s.pool, s.now
	s.now = s.now.Add(2 * time.Second)
	p.want, p.target, p.peak, p.whole = Run, 2, 2, then
	p.slots = []Slot{{ID: 1, Since: then, UpSince: then, Ref: Ref{PID: 101}}, {ID: 2, Phase: Up, Since: then, UpSince: then, Ref: Ref{PID: 102}}}
	one := &p.slots[0]
	one.Phase = index[Phase](phaseNames[:], named["phase"], Up)
	if one.Phase != Up && one.Phase != Empty && one.Phase != Starting {
		one.Due = s.now.Add(time.Second)
	}
	one.Fate = map[string]Fate{"go": Go, "back": Back}[named["fate"]]
	if named["up"] == "never" {
		one.UpSince = time.Time{}
	}
	if named["whole"] == "never" {
		p.whole = time.Time{}
		one.UpSince = time.Time{}
	}
	switch p.want = index[Want](wantNames[:], named["want"], Run); p.want {
	case Idle, Done:
		p.slots, p.target, p.peak = nil, 0, 0
	case Quitting, Halting:
		one.Fate, p.slots[1].Fate = Go, Go
	}
}

func index[T ~uint8](names []string, name string, otherwise T) T {
	for i, n := range names {
		if n == name {
			return T(i)
		}
	}
	if name != "" {
		panic("no such name: " + name)
	}
	return otherwise
}

// raise answers every start and calls every worker ready until nothing more starts.
func (s *teller) raise() {
	for len(s.starts) > 0 {
		slot := s.starts[0]
		s.step(s.eventOf("spawned", strconv.Itoa(slot), nil))
		s.step(Ready{Slot: slot})
	}
}

// advance moves the clock, and delivers a Due at every deadline on the way.
func (s *teller) advance(d string) {
	end := s.now.Add(duration(d))
	for range 100 {
		due := s.pool.Deadline()
		if due.IsZero() || due.After(end) {
			break
		}
		if due.After(s.now) {
			s.now = due
		}
		fmt.Fprintf(&s.out, "at %v due\n", s.now.Sub(epoch))
		s.step(Due{})
	}
	s.now = end
	s.pool.now = end
}

func (s *teller) step(e Event) {
	switch e := e.(type) {
	case Spawned:
		s.answered(e.Slot)
	case SpawnFailed:
		s.answered(e.Slot)
	}
	for _, effect := range s.perform(e) {
		if start, is := effect.(Start); is {
			s.starts = append(s.starts, start.Slot)
		}
		fmt.Fprintf(&s.out, "  %v\n", effect)
	}
}

// perform steps the pool; internal news goes past the orders, straight to worker 1.
func (s *teller) perform(e Event) []Effect {
	d, is := e.(direct)
	if !is {
		return s.pool.Step(s.now, e)
	}
	s.pool.now, s.pool.out, s.pool.changed = s.now, nil, false
	s.pool.news(1, d.Event)
	return s.pool.out
}

func (s *teller) answered(slot int) {
	for i, waiting := range s.starts {
		if waiting == slot {
			s.starts = append(s.starts[:i:i], s.starts[i+1:]...)
			return
		}
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

// told is a command of a story and what it must say.
type told struct {
	words []string
	want  string
}

// readStories reads every story without datadriven, which can only fail a test:
// the mutation tests want to know whether a story notices.
func readStories(t *testing.T) map[string][]told {
	t.Helper()
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	stories := map[string][]told{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			cmd, want, is := strings.Cut(block, "\n----\n")
			if !is {
				continue
			}
			lines := strings.Split(cmd, "\n")
			stories[file] = append(stories[file], told{strings.Fields(lines[len(lines)-1]), strings.TrimRight(want, "\n")})
		}
	}
	return stories
}

// notices plays all stories on other tables and says which one turned out
// differently; "" when none did.
func notices(stories map[string][]told, o *orderTable, c *cellTable) (where string) {
	for file, story := range stories {
		if noticed := plays(story, o, c); noticed != "" {
			return file + ": " + noticed
		}
	}
	return ""
}

func plays(story []told, o *orderTable, c *cellTable) (noticed string) {
	s := newTeller(o, c)
	var words []string
	defer func() {
		if r := recover(); r != nil {
			noticed = fmt.Sprint(words, ": panic: ", r)
		}
	}()
	for _, command := range story {
		words = command.words
		if got := strings.TrimRight(s.tell(words), "\n"); got != command.want {
			return strings.Join(words, " ")
		}
	}
	return ""
}
