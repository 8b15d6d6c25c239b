package ready

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/proc"
	"golang.org/x/sys/unix"
)

// spawn is the seam as an owner of the loop fills it: with the real spawner,
// and a wait of its own because nobody else waits here.
func spawn(s *proc.Spawner, h How, out int) Spawn {
	return func([]string) (func(context.Context) (int, error), error) {
		spec, err := h.Command(os.Environ(), "/", os.Getenv("PATH"), out)
		if err != nil {
			return nil, err
		}
		p, err := s.Spawn(spec)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (int, error) {
			defer p.Close()
			pid := p.Ref().PID
			stop := context.AfterFunc(ctx, func() { unix.Kill(-pid, unix.SIGKILL) })
			defer stop()
			for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
			}
			ws, err := proc.Reap(pid)
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			if ws.Signaled() {
				return 128 + int(ws.Signal()), err
			}
			return ws.ExitStatus(), err
		}, nil
	}
}

func spawner(t *testing.T) *proc.Spawner {
	t.Helper()
	s, err := proc.NewSpawner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestExec(t *testing.T) {
	s := spawner(t)
	for cmd, want := range map[string]string{
		"exec:true":                        "",
		"exec:sh -c 'exit 7'":              "ended with 7",
		"exec:sh -c 'kill -9 $$'":          "ended with 137",
		"exec:/nowhere/at/all":             "/nowhere/at/all",
		"exec:test a\\ b = 'a b'":          "",
		"exec:sh -c 'test -t 0 || exit 0'": "",
	} {
		h := how(t, cmd)
		err := Exec(t.Context(), h, spawn(s, h, -1))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", cmd, err, want)
		}
	}
	if err := Exec(t.Context(), How{Kind: KindTCP}, nil); err == nil {
		t.Error("ran a command for tcp")
	}
	if _, err := (How{Kind: KindTCP}).Command(nil, "/", "", -1); err == nil {
		t.Error("has a command for tcp")
	}
}

// P8: a health check runs without listeners, in a group of its own, and its
// whole group ends with its time.
func TestP8HealthCheckConfined(t *testing.T) {
	s := spawner(t)
	sock := listen(t, "tcp")
	if _, err := unix.FcntlInt(sock.file.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err) // a careless listener, not CLOEXEC: still it must not leak
	}
	r, w := pipe(t)
	out := int(w.Fd())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := how(t, `exec:sh -c 'ls -l /proc/self/fd | tr "\\n" " "; echo pgrp $(cut -d" " -f5 /proc/$$/stat) $$; sleep 600 & echo $!; exec sleep 600'`)
	result := make(chan error, 1)
	go func() { result <- Exec(ctx, h, spawn(s, h, out)) }()

	r.SetReadDeadline(time.Now().Add(patience))
	var said []byte
	b := make([]byte, 4096)
	for strings.Count(string(said), "\n") < 2 {
		n, err := r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, b[:n]...)
	}
	lines := strings.Split(string(said), "\n")
	list, ids, ok := strings.Cut(lines[0], "pgrp ")
	if !ok || strings.Contains(list, "socket:") {
		t.Errorf("a listener leaked: %s", said)
	}
	var pgrp, pid, child int
	if _, err := fmt.Sscan(ids+" "+lines[1], &pgrp, &pid, &child); err != nil || pgrp != pid {
		t.Errorf("group %d of process %d: %v", pgrp, pid, err)
	}

	cancel()
	select {
	case err := <-result:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Exec does not end")
	}
	eventually(t, "end the child of the check", func() bool {
		st, err := proc.Proc.Stat(child)
		return err != nil || st.Dead()
	})
}
