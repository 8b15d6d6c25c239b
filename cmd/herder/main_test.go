package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// patience is for events that come at once on an idle machine.
const patience = 60 * time.Second

// TestMain makes the real main a command of the scripts, and fails the run on
// what a test has left behind.
func TestMain(m *testing.M) {
	testscript.Main(checked{m}, map[string]func(){"herder": main})
}

type checked struct{ *testing.M }

func (c checked) Run() int {
	before := openFiles()
	code := c.M.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if after := openFiles(); len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "descriptors before the tests: %q, after: %q\n", before, after)
		return 1
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Fprintln(os.Stderr, "a child was left behind")
		return 1
	}
	return 0
}

// openFiles leaves out those of the runtime itself (epoll), which come with
// the first use and stay.
func openFiles() []string {
	var files []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode:") {
			files = append(files, to)
		}
	}
	return files
}

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
