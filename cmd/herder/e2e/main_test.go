// Package e2e tells stories about the real program: testscript files in testdata, with the real binary, real workers, and a
// real runsv. Every request that is sent in a story is accounted for, and no process outlives its story.
//
// commands_test.go lists the commands of the scripts.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait. It is for a loaded machine: nothing here takes long on an idle one.
const patience = 90 * time.Second

// The programs under test, built once by TestMain; herder with -race if the test is.
var (
	binDir  string // herder and goworker
	rootDir string // of the repository
)

func TestMain(m *testing.M) {
	if os.Getenv(keeperEnv) != "" {
		keep()
		return
	}
	flag.Parse()
	// Most of a story is waiting; with more than three on two cores they would wait for each other.
	_ = flag.Set("test.parallel", "3")
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if rootDir, err = filepath.Abs("../../.."); err != nil {
		panic(err)
	}
	if binDir, err = os.MkdirTemp("", "herder-e2e-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(binDir)
	for _, args := range [][]string{herderBuild(), {"go", "build", "-o", filepath.Join(binDir, "goworker"), "./contrib/workers/goworker"}} {
		if err := build(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	// Started by this name, it is start_server.
	if err := os.Symlink("herder", filepath.Join(binDir, "start_server")); err != nil {
		panic(err)
	}
	return m.Run()
}

// herderBuild makes what is shipped; with -race, which needs cgo, something that starts as early as that can: behind ld.so(8).
func herderBuild() []string {
	if race {
		return []string{"go", "build", "-race", "-ldflags", "-E main.entry", "-o", filepath.Join(binDir, "herder"), "./cmd/herder"}
	}
	return []string{filepath.Join(rootDir, "packaging/build"), binDir}
}

func build(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = rootDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build with %q: %w\n%s", args, err, out)
	}
	return nil
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds:                commands(),
	})
}
