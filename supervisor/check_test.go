package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/herderd/herder/supervisor/config"
)

// A command relative to the directory stays relative: each generation entered
// the directory once, and what a symlink on the way means must not change for a
// worker that is replaced later.
func TestRelativeCommandStaysInItsRelease(t *testing.T) {
	dir := t.TempDir()
	app := filepath.Join(dir, "releases", "1", "app")
	for _, err := range []error{
		os.MkdirAll(filepath.Dir(app), 0o755),
		os.WriteFile(app, []byte("#!/bin/sh\n"), 0o755),
		os.Symlink("releases/1", filepath.Join(dir, "current")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, "current")
	for command, want := range map[string]string{
		"./app": "./app", app: app, "sh": "/bin/sh",
	} {
		c := &config.Config{Command: []string{command}, Directory: current, Env: map[string]string{"PATH": "/bin"}}
		if got, err := findCommand(c); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", command, got, err, want)
		}
	}
	if got, err := findCommand(&config.Config{Command: []string{"./nope"}, Directory: current}); err == nil {
		t.Errorf("./nope was found as %q", got)
	}
}

// A log that cannot be written is found by the preflight; at the first start it has the code of what cannot be written.
func TestLogThatCannotBeWritten(t *testing.T) {
	p, err := draw(&config.Config{Command: []string{"/bin/sh"}, Directory: "/", LogFile: "/nowhere/app.log"}, nil)
	if p != nil || err == nil || exitCode(err) != exitCannotWrite {
		t.Errorf("%+v, %v", p, err)
	}
}
