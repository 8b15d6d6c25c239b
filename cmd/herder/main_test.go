package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/herderd/herder/supervisor/leaktest"
)

// patience is for events that come at once on an idle machine.
const patience = 60 * time.Second

// TestMain makes the real main a command of the scripts, and fails the run on
// what a test has left behind.
func TestMain(m *testing.M) {
	testscript.Main(checked{m}, map[string]func(){"herder": main})
}

type checked struct{ *testing.M }

func (c checked) Run() int { return leaktest.Run(c.M) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits CODE ARG… runs herder, which must exit with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	got := "0"
	if err := ts.Exec("herder", args[1:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("herder %s: exit %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}
