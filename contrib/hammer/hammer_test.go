package hammer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers the protocol in doc.go, and does with one request (victim) what lose says.
type server struct {
	t        *testing.T
	listener net.Listener
	log      *os.File
	pid      int
	lose     func(s *server, conn net.Conn, id string, first bool) (handled bool)
	mu       sync.Mutex
	hit      bool
	conns    sync.WaitGroup
}

const victimID = 20

func startServer(t *testing.T, network string, lose func(*server, net.Conn, string, bool) bool) (*server, Target) {
	t.Helper()
	dir := t.TempDir()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(dir, "s")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	logPath := filepath.Join(dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: listener, log: log, pid: 100, lose: lose}
	s.conns.Go(s.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		s.conns.Wait()
		_ = log.Close()
	})
	return s, Target{Network: network, Address: listener.Addr().String(), Log: logPath, Pause: time.Millisecond, Timeout: 20 * time.Second}
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.conns.Go(func() { s.converse(conn) })
	}
}

func (s *server) converse(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for first := true; ; first = false {
		id, keep := readRequest(in)
		if id == "" {
			return
		}
		if s.isVictim(id, first) && s.lose(s, conn, id, first) {
			return
		}
		s.write(s.line(id))
		s.send(conn, s.line(id), !keep)
		if !keep {
			return
		}
	}
}

// isVictim is true once, for the first request from victimID on.
func (s *server) isVictim(id string, first bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	_, _ = fmt.Sscan(id, &n)
	if s.hit || s.lose == nil || n < victimID {
		return false
	}
	s.hit = true
	return true
}

func (s *server) line(id string) string { return fmt.Sprintf("%s 7 0 %d\n", id, s.pid) }

func (s *server) write(line string) {
	if _, err := s.log.WriteString(line); err != nil {
		s.t.Error(err)
	}
}

func (s *server) send(conn net.Conn, body string, last bool) {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(body))
	if last {
		head += "Connection: close\r\n"
	}
	_, _ = conn.Write([]byte(head + "\r\n" + body))
}

func readRequest(in *bufio.Reader) (id string, keep bool) {
	keep = true
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			return id, keep
		case strings.HasPrefix(line, "GET /?id="):
			id = strings.Fields(strings.TrimPrefix(line, "GET /?id="))[0]
		case line == "Connection: close":
			keep = false
		}
	}
}

// hammerUntil runs a hammer until n requests were answered or lost and done says so.
func hammerUntil(t *testing.T, target Target, done func(h *Hammer) bool, killed ...int) Report {
	t.Helper()
	h := Start(context.Background(), target)
	await(t, h, func() bool { return done(h) })
	return h.Stop(killed...)
}

// await waits for what is promised to come; a hammer calls nobody when it counts.
func await(t *testing.T, h *Hammer, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %v", h.Stop())
		}
	}
}

// count is how many requests were sent.
func (h *Hammer) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sent)
}

func answered(n int64) func(*Hammer) bool {
	return func(h *Hammer) bool { return h.Answered() >= n }
}

func TestNothingLost(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		_, target := startServer(t, network, nil)
		r := hammerUntil(t, target, answered(300))
		if r.Lost() != 0 || r.Retried != 0 || r.Answered != r.Sent || r.Logged != r.Sent || r.Sent < 300 {
			t.Errorf("%s: %v", network, r)
		}
		if r.Generations[7] != r.Answered {
			t.Errorf("%s: generations %v", network, r.Generations)
		}
	}
}

// Each way of losing one request on purpose, and what the hammer must call it.
func TestNoticesEachKindOfLoss(t *testing.T) {
	reset := func(_ *server, conn net.Conn, _ string, _ bool) bool {
		_ = conn.(*net.TCPConn).SetLinger(0)
		return true
	}
	tests := []struct {
		name  string
		want  fault
		lose  func(s *server, conn net.Conn, id string, first bool) bool
		setup func(*Target)
	}{
		{"reset of a new connection", "reset", reset, oneShot},
		{"closed without an answer", closed, func(*server, net.Conn, string, bool) bool { return true }, oneShot},
		{"half an answer", garbled, func(_ *server, c net.Conn, _ string, _ bool) bool {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12"))
			return true
		}, nil},
		{"reset in an answer", "reset", func(_ *server, c net.Conn, _ string, _ bool) bool {
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
			_ = c.(*net.TCPConn).SetLinger(0)
			return true
		}, oneShot},
		{"an error answer", garbled, func(_ *server, c net.Conn, _ string, _ bool) bool {
			_, _ = c.Write([]byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"))
			return true
		}, nil},
		{"not HTTP", garbled, func(_ *server, c net.Conn, _ string, _ bool) bool {
			_, _ = c.Write([]byte("hello\r\n\r\n"))
			return true
		}, nil},
		{"another's answer", wrong, func(s *server, c net.Conn, _ string, _ bool) bool {
			s.send(c, s.line("999999"), true)
			return true
		}, nil},
		{"no answer in time", timeout, func(_ *server, c net.Conn, _ string, _ bool) bool {
			_, _ = c.Read(make([]byte, 1)) // until the client hangs up
			return true
		}, func(t *Target) { oneShot(t); t.Timeout = 500 * time.Millisecond }},
		{"answered but not logged", unlogged, func(s *server, c net.Conn, id string, _ bool) bool {
			s.send(c, s.line(id), true)
			return true
		}, nil},
		{"worked on twice", doubled, func(s *server, c net.Conn, id string, _ bool) bool {
			s.write(s.line(id))
			s.write(s.line(id))
			s.send(c, s.line(id), true)
			return true
		}, nil},
		{"logged by another", different, func(s *server, c net.Conn, id string, _ bool) bool {
			s.write(id + " 6 0 99\n")
			s.send(c, s.line(id), true)
			return true
		}, nil},
		{"two processes on one connection", moved, func(s *server, c net.Conn, id string, _ bool) bool {
			s.write(id + " 8 0 101\n")
			s.send(c, id+" 8 0 101\n", true)
			return true
		}, keepAlive},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, target := startServer(t, "tcp", test.lose)
			if test.setup != nil {
				test.setup(&target)
			}
			r := hammerUntil(t, target, answered(100))
			if r.Lost() != 1 || r.Faults[string(test.want)] != 1 || len(r.First) != 1 {
				t.Errorf("want one %q: %v", test.want, r)
			}
		})
	}
}

func oneShot(t *Target)   { t.OneShot = 3 }
func keepAlive(t *Target) { t.Connections = 2 }

// Behind a proxy a connection belongs to no process. So one that was killed excuses nothing but what it has logged.
func TestBehindAProxy(t *testing.T) {
	_, target := startServer(t, "tcp", func(s *server, c net.Conn, id string, _ bool) bool {
		s.write(id + " 8 0 101\n")
		s.send(c, id+" 8 0 101\n", true)
		return true
	})
	keepAlive(&target)
	target.Proxied = true
	if r := hammerUntil(t, target, answered(100)); r.Lost() != 0 || r.Answered != r.Sent {
		t.Errorf("want no loss when two processes answer on one connection: %v", r)
	}
	_, target = startServer(t, "tcp", func(_ *server, c net.Conn, _ string, _ bool) bool {
		_, _ = c.Write([]byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"))
		return true
	})
	keepAlive(&target)
	target.Proxied = true
	if r := hammerUntil(t, target, answered(100), 100); r.Faults[string(garbled)] != 1 || r.Lost() != 1 || r.Excused != 0 {
		t.Errorf("want one bad answer, not excused by the death of the worker that answered before: %v", r)
	}
}

func TestNoticesARefusal(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		s, target := startServer(t, network, nil)
		oneShot(&target)
		h := Start(context.Background(), target)
		await(t, h, func() bool { return h.Answered() >= 20 })
		_ = s.listener.Close()
		await(t, h, func() bool { return h.count() >= 100 })
		if r := h.Stop(); r.Faults[string(refused)] == 0 || len(r.First) != maxFirst {
			t.Errorf("%s: want refusals: %v", network, r)
		}
	}
}

// RFC 9112 section 9.3.1: a request on a connection in use before, closed without an answer, may be sent again.
func TestRetriesOnlyWhatTheStandardAllows(t *testing.T) {
	_, target := startServer(t, "tcp", func(_ *server, _ net.Conn, _ string, first bool) bool { return !first })
	keepAlive(&target)
	r := hammerUntil(t, target, answered(100))
	if r.Lost() != 0 || r.Retried != 1 || r.Answered != r.Sent {
		t.Errorf("want one retry and no loss: %v", r)
	}
}

// When the server had worked on it, the second answer is a second effect.
func TestRetryAfterWorkIsALoss(t *testing.T) {
	lose := func(s *server, _ net.Conn, id string, _ bool) bool { s.write(s.line(id)); return true }
	_, target := startServer(t, "tcp", lose)
	keepAlive(&target)
	if r := hammerUntil(t, target, answered(100)); r.Faults[string(doubled)] != 1 || r.Lost() != 1 {
		t.Errorf("want one doubled: %v", r)
	}
}

func TestExcusesTheKilledOnly(t *testing.T) {
	logAndClose := func(s *server, _ net.Conn, id string, _ bool) bool { s.write(id + " 7 1 666\n"); return true }
	for name, kind := range map[string]func(*Target){"one-shot": oneShot, "keep-alive": keepAlive} {
		for killed, excused := range map[int]int{666: 1, 667: 0} {
			_, target := startServer(t, "tcp", logAndClose)
			kind(&target)
			r := hammerUntil(t, target, answered(100), killed)
			if r.Excused != excused || r.Lost() != 1-excused {
				t.Errorf("%s, killed %d: %v", name, killed, r)
			}
		}
	}
}

func TestNoExcuseForTimeouts(t *testing.T) {
	_, target := startServer(t, "tcp", func(_ *server, c net.Conn, _ string, _ bool) bool {
		_, _ = c.Read(make([]byte, 1))
		return true
	})
	oneShot(&target)
	target.Timeout = 500 * time.Millisecond
	if r := hammerUntil(t, target, answered(100), 100); r.Lost() != 1 {
		t.Errorf("want one loss: %v", r)
	}
}

func TestPauseLeavesNothingInFlight(t *testing.T) {
	s, target := startServer(t, "tcp", nil)
	h := Start(context.Background(), target)
	for range 20 {
		before := h.Answered()
		await(t, h, func() bool { return h.Answered() >= before+5 })
		h.Pause()
		sent := h.count()
		log, err := os.ReadFile(s.log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(log), "\n"); int64(sent) != h.Answered() || lines != sent {
			t.Errorf("in the pause: sent %d, answered %d, logged %d", sent, h.Answered(), lines)
		}
		h.Resume()
	}
	h.Pause()
	if r := h.Stop(); r.Lost() != 0 {
		t.Error(r)
	}
}

func TestReadResponse(t *testing.T) {
	tests := map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":                                      "ok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n": "ok!",
		"HTTP/1.1 200 OK\r\n\r\n":                                        "error",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":                  "error",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n":            "error",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":    "error",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n":            "error",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 200) + "\r\n": "error",
	}
	for text, want := range tests {
		r, err := readResponse(bufio.NewReader(strings.NewReader(text)))
		got := r.body
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%.60q: got %q (%v), want %q", text, got, err, want)
		}
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1 2 3 4\r\n")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readResponse(bufio.NewReader(strings.NewReader(text)))
		if err == nil && len(r.body) > 2*maxBody {
			t.Errorf("a body of %d bytes", len(r.body))
		}
	})
}
