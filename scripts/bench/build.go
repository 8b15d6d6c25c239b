package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	herderProgram = "herder"   // as it is shipped
	workerProgram = "goworker" // answers requests
	stampProgram  = "stamp"    // says when it was executed
)

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) build() error {
	out, err := exec.CommandContext(b.ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("cannot find the module: %w", err)
	}
	b.root = strings.TrimSpace(string(out))
	commands := [][]string{
		{"packaging/build", b.dir},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.path(workerProgram), "./contrib/workers/goworker"},
		{"go", "build", "-trimpath", "-ldflags", "-s -w -E main.entry", "-o", b.path(stampProgram), "./scripts/bench/stamp"},
	}
	for _, argv := range commands {
		if argv[0] != "go" {
			argv[0] = filepath.Join(b.root, argv[0])
		}
		cmd := exec.CommandContext(b.ctx, argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot build: %s: %w\n%s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}
