package control

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/leaktest"
)

// patience is for events that come at once on an idle machine.
const patience = 60 * time.Second

// TestMain fails the run on what a test has left behind: goroutines,
// descriptors, children. With HERDER_TEST_CLIENT the binary is a client of
// another user instead.
func TestMain(m *testing.M) {
	if path := os.Getenv("HERDER_TEST_CLIENT"); path != "" {
		os.Exit(strangerMain(path))
	}
	if path := os.Getenv("HERDER_TEST_SERVER"); path != "" {
		os.Exit(serverMain(path))
	}
	os.Exit(leaktest.Run(m))
}

// echo answers with what it was asked.
func echo(_ context.Context, r Request) Reply {
	return Reply{Note: r.Do + " " + r.Arg}
}

// small limits, so that the bounds are reached soon.
func small() limits {
	return limits{clients: 8, patience: patience, leave: patience, uid: os.Geteuid()}
}

// socketPath is a path in a directory which does not exist yet.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "control.sock")
}

// start serves h and closes the server at the end of the test.
func start(t *testing.T, h Handler, lim limits, options ...Option) *Server {
	t.Helper()
	s, err := serve(socketPath(t), h, lim, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask is Call with a deadline.
func ask(t *testing.T, s *Server, r Request) Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := Call(ctx, s.Path(), r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return reply
}

// raw is a connection to s that the test drives by hand.
func raw(t *testing.T, s *Server) *net.UnixConn {
	t.Helper()
	c, err := dial(context.Background(), s.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// say sends text by hand and returns the reply.
func say(t *testing.T, s *Server, text string) Reply {
	t.Helper()
	c := raw(t, s)
	go func() { _, _ = c.Write([]byte(text)) }() // may meet a closed door half way
	return hearReply(t, c)
}

func hearReply(t *testing.T, c *net.UnixConn) Reply {
	t.Helper()
	var line []byte
	part := make([]byte, 4096)
	for {
		n, err := c.Read(part)
		line = append(line, part[:n]...)
		if err != nil {
			break
		}
	}
	r, err := parseReply(line)
	if err != nil {
		t.Fatalf("reply %q: %v", line, err)
	}
	return r
}

// eventually waits for what another goroutine or the kernel brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// silent counts the clients that have a place and have not asked yet.
func (r *room) silent() (silent, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.in {
		if !c.asked {
			silent++
		}
	}
	return silent, len(r.in)
}

// lines is a log a test can read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) log() Option { return WithLog(slog.New(slog.NewTextHandler(l, nil))) }
