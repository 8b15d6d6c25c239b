package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/starter"
)

// restartOf is this process in the place of a start_server: its pid is in a pid file that
// is locked, a worker of generation 1 is in the status file, and hup is called at HUP.
func restartOf(t *testing.T, hup func(statusFile string)) *starter.Command {
	t.Helper()
	c := &starter.Command{Restart: true, PidFile: filepath.Join(t.TempDir(), "pid"), StatusFile: filepath.Join(t.TempDir(), "status")}
	pid, err := pidfile.Lock(c.PidFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.StatusFile, []byte("1:101\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, unix.SIGHUP)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if _, more := <-heard; more {
			hup(c.StatusFile)
		}
	}()
	t.Cleanup(func() {
		signal.Stop(heard)
		close(heard)
		<-over
		pid.Close()
	})
	return c
}

// The runtime directory of the server is that of its own user and environment.
func TestRestartFindsTheServerInAnotherRuntimeDirectory(t *testing.T) {
	base, err := os.MkdirTemp("", "herder")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := filepath.Join(base, starterRunName(os.Getpid()))
	var failed atomic.Bool
	s, err := control.Serve(filepath.Join(dir, "control.sock"), func(context.Context, control.Request) control.Reply {
		status := &control.Status{}
		if failed.Load() {
			status.LastUpgrade = &control.Verdict{Verdict: control.RolledBack, Reason: "exit status 9", To: 2}
		}
		return control.Reply{Status: status}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lock, err := pidfile.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()

	var stderr strings.Builder
	end := starterRestart(restartOf(t, func(string) { failed.Store(true) }), &stderr)
	if end == nil || end.code != control.Failed || !strings.Contains(end.text, "did not start") || !strings.Contains(end.text, "exit status 9") {
		t.Errorf("ended with %+v", end)
	}
	if stderr.Len() > 0 {
		t.Errorf("said %q", stderr.String())
	}
}

func TestRestartSaysThatTheServerSaysNothing(t *testing.T) {
	var stderr strings.Builder
	c := restartOf(t, func(statusFile string) {
		if err := os.WriteFile(statusFile, []byte("3:103\n"), 0o600); err != nil {
			t.Error(err)
		}
	})
	if end := starterRestart(c, &stderr); end != nil {
		t.Errorf("ended with %+v", end)
	}
	want := fmt.Sprintf("start_server: start_server %d does not say how its new worker fares", os.Getpid())
	if said := stderr.String(); !strings.HasPrefix(said, want) || strings.Count(said, "\n") != 1 {
		t.Errorf("said %q", said)
	}
}
