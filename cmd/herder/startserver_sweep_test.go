package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/herderd/herder/pidfile"
)

// The folder of a run that was killed goes. Those of runs that live stay, also where a pid of another namespace means nobody
// here, and so does what no run has made.
func TestSweepStarters(t *testing.T) {
	base := t.TempDir()
	var dead [3]int // pids of nobody, as of now
	for i := range dead {
		c := exec.Command("true")
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
		dead[i] = c.Process.Pid
	}
	folder := func(name any, files ...string) string {
		dir := filepath.Join(base, fmt.Sprintf("start_server-%v", name))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f), []byte("1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	folder(dead[0], "lock", "control.sock")
	want := []string{folder(os.Getpid(), "lock"), folder("shop"), folder(dead[1], "lock", "of-somebody-else"), folder(dead[2])}
	held, err := pidfile.Lock(filepath.Join(want[3], "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()

	sweepStarters(base)
	got, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if err := held.Check(); err != nil {
		t.Error(err)
	}
}
