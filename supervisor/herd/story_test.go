package herd

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// The language of the stories in testdata. A block is one command, a line
// "----", and what came of it: the effects, one a line, and then the state.
//
//	new [workers=N] [overlap=D] [rolling] [foreign] …   a herd, with Defaults but for what is said
//	ask upgrade|stop|quick|scale|drain|reopen [id=N] [n=N|+N|-N]
//	checked [why=(…)] [try=N] [workers=N] …   the preflight's answer, by default to the last try
//	up gen=N n=N · unspawned|failed|died|emptied|drained gen=N [why=(…)]
//	retire gen=N [quick]                      somebody signalled that master
//	touched [failed]                          a pid file
//	appeared                                  a successor that somebody else asked for
//	advance D                                 time passes, and no timer rings
//	due                                       time passes to the deadline, and it rings

// story is one herd and the time it lives in.
type story struct {
	h   *Herd
	now time.Time
}

// dawn is when every story begins. It is not the zero time, which means never.
var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// tell carries one command out and returns what came of it.
func (s *story) tell(cmd string, args []datadriven.CmdArg) string {
	a := arguments(args)
	var effects []Effect
	switch cmd {
	case "new":
		s.now = dawn
		s.h, effects = New(a.policy(Defaults()), s.now)
	case "advance":
		d, err := time.ParseDuration(a.first)
		must(err)
		s.now = s.now.Add(d)
	case "due":
		if d := s.h.Deadline(); d.IsZero() {
			return "no deadline\n"
		} else if d.After(s.now) {
			s.now = d
		}
		effects = s.h.Step(s.now, Due{})
	default:
		effects = s.h.Step(s.now, s.event(cmd, a))
	}
	return write(effects) + "= " + s.h.Describe(s.now) + "\n"
}

func write(effects []Effect) string {
	var b strings.Builder
	for _, e := range effects {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// event is what a command other than new, advance and due stands for.
func (s *story) event(cmd string, a args) Event {
	gen, why := a.number("gen"), a.m["why"]
	switch cmd {
	case "ask":
		return wish(a)
	case "checked":
		try := s.h.try
		if a.has("try") {
			try = a.number("try")
		}
		return Checked{Try: try, Why: why, Policy: a.policy(s.h.policy)}
	case "up":
		return Up{gen, a.number("n")}
	case "extend":
		by, err := time.ParseDuration(a.m["by"])
		must(err)
		return Extend{gen, by}
	case "doubt":
		return Doubt{gen, why}
	case "unspawned":
		return StartFailed{gen, why}
	case "failed":
		return Failed{gen, why}
	case "died":
		return Died{gen, why}
	case "emptied":
		return Emptied{gen}
	case "drained":
		return Drained{gen}
	case "retire":
		return Retire{gen, a.has("quick")}
	case "appeared":
		return Appeared{}
	case "touched":
		return Touched{a.has("failed")}
	}
	panic("no such command: " + cmd)
}

func wish(a args) Event {
	id := a.number("id")
	switch a.first {
	case "upgrade":
		return Upgrade{id}
	case "stop":
		return Stop{id}
	case "quick":
		return Quick{id}
	case "drain":
		return Drain{id}
	case "reopen":
		return Reopen{id}
	case "scale":
		return Scale{id, a.number("n"), strings.ContainsAny(a.m["n"], "+-")}
	}
	panic("no such wish: " + a.first)
}

// args are the arguments of a command: the first word, and those with names.
type args struct {
	first string
	m     map[string]string
}

func arguments(as []datadriven.CmdArg) args {
	a := args{m: map[string]string{}}
	for i, arg := range as {
		if i == 0 {
			a.first = arg.Key
		}
		a.m[arg.Key] = strings.Join(arg.Vals, ", ")
	}
	return a
}

func (a args) has(key string) bool { _, ok := a.m[key]; return ok }

func (a args) number(key string) int {
	if !a.has(key) {
		return 0
	}
	n, err := strconv.Atoi(a.m[key])
	must(err)
	return n
}

// policy is p with what the arguments say changed.
func (a args) policy(p Policy) Policy {
	for key, field := range map[string]*int{
		"workers": &p.Workers, "max-workers": &p.MaxWorkers, "min-workers": &p.MinWorkers, "tries": &p.StartTries, "max-retiring": &p.MaxRetiring,
	} {
		if a.has(key) {
			*field = a.number(key)
		}
	}
	if a.has("overlap") {
		d, err := time.ParseDuration(a.m["overlap"])
		must(err)
		p.Overlap = d
	}
	p.Rolling = p.Rolling || a.has("rolling")
	p.Foreign = p.Foreign || a.has("foreign")
	p.MinWhy = "the sockets need them"
	return p
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// TestStories tells every story in testdata and compares what came of each
// command. go test -rewrite writes down what comes of them now.
func TestStories(t *testing.T) {
	for _, path := range storyFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := new(story)
			datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string {
				return s.tell(d.Cmd, d.CmdArgs)
			})
		})
	}
}

func storyFiles(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	return paths
}

// A told story is one read from its file, to be told again in memory.
type toldStory struct {
	name  string
	steps []told
}

type told struct {
	line string
	cmd  string
	args []datadriven.CmdArg
	want string
}

// read reads all stories, once for a test that tells them many times.
func readStories(t testing.TB) []toldStory {
	t.Helper()
	var all []toldStory
	for _, path := range storyFiles(t) {
		all = append(all, toldStory{filepath.Base(path), readStory(t, path)})
	}
	return all
}

func readStory(t testing.TB, path string) []told {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var steps []told
	answer := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		switch {
		case line == "":
			answer = false
		case line == "----":
			answer = true
		case answer:
			steps[len(steps)-1].want += line + "\n"
		case !strings.HasPrefix(line, "#"):
			cmd, args, err := datadriven.ParseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, told{line: line, cmd: cmd, args: args})
		}
	}
	return steps
}

// retell tells a story again and returns where it first came out otherwise,
// or nothing. A panic is another outcome too.
func (s toldStory) retell() (difference string) {
	now := new(story)
	var at told
	defer func() {
		if r := recover(); r != nil {
			difference = fmt.Sprintf("%s: %s: panic: %v", s.name, at.line, r)
		}
	}()
	for _, at = range s.steps {
		if got := now.tell(at.cmd, at.args); got != at.want {
			return fmt.Sprintf("%s: %s:\n%s", s.name, at.line, got)
		}
	}
	return ""
}
