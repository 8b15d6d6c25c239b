package packaging

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestQuickStart runs the quick start of the README, word by word but for the packages to install, the build, and the port.
func TestQuickStart(t *testing.T) {
	script := quickStart(t)
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	check(t, err)
	for _, sub := range []string{"packaging", "dist"} {
		check(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	check(t, os.Symlink(filepath.Join(root, "contrib"), filepath.Join(dir, "contrib")))
	check(t, os.Symlink(herder, filepath.Join(dir, "dist", "herder")))
	check(t, os.WriteFile(filepath.Join(dir, "packaging", "build"), []byte("#!/bin/sh\n"), 0o755))

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// A /run/herder of its own: the quick start names no herder, so it must be the only one.
	const alone = "mkdir -p /run/herder && mount -t tmpfs none /run/herder\n"
	cmd := exec.CommandContext(ctx, "bash", "-euc", alone+script)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNS}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	// Nothing is left of a script that went well; else runsv and herder are in its group, and masters leave without a herder.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "try/app/log/main/current"))
		t.Fatalf("%v\n%s\nlog: %s", err, out.String(), log)
	}
	// Just after an upgrade a worker of the old generation may still take a request.
	for _, answer := range []string{`(?m)^1 1 [12] \d+$`, `(?m)^try +2 +serving`, `(?m)^2 [12] [12] \d+$`} {
		if !regexp.MustCompile(answer).MatchString(out.String()) {
			t.Errorf("no answer %s in:\n%s", answer, out.String())
		}
	}
}

func quickStart(t *testing.T) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, readme), "\n## Quick start\n")
	_, text, fenced := strings.Cut(text, "\n```sh\n")
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !fenced || !closed {
		t.Fatal("the README has no quick start")
	}
	lines := strings.Split(text, "\n")
	if len(lines) > 10 {
		t.Errorf("the quick start has %d lines", len(lines))
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "apt-get ") })
	return strings.ReplaceAll(strings.Join(lines, "\n"), "8080", freePort(t))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
