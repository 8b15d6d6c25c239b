package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/rogpeppe/go-internal/testscript"
)

// numbers is the range of request numbers of one hammer; those of one story share a log.
const numbers = 10_000_000

func network(addr string) string {
	if strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "unix:") {
		return "unix"
	}
	return "tcp"
}

func address(addr string) string { return strings.TrimPrefix(addr, "unix:") }

func cmdHammer(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 1, "hammer start|pause|resume|stop NAME …")
	s := of(ts)
	h := s.hammers[args[1]]
	if (h == nil) != (args[0] == "start") {
		ts.Fatalf("cannot %s the hammer %s", args[0], args[1])
	}
	switch args[0] {
	case "start":
		need(ts, len(args) > 2, "hammer start NAME ADDR [k=v…]")
		s.hammers[args[1]] = hammer.Start(context.Background(), target(ts, args[2:]))
	case "pause":
		h.Pause()
	case "resume":
		h.Resume()
	case "stop":
		delete(s.hammers, args[1])
		account(ts, h, args[2:])
	}
}

func target(ts *testscript.TestScript, args []string) hammer.Target {
	s := of(ts)
	t := hammer.Target{Network: network(args[0]), Address: address(args[0]), Log: ts.Getenv("WORKER_LOG"), First: s.first, Timeout: patience}
	s.first += numbers
	for _, option := range args[1:] {
		if option == "proxied" {
			t.Proxied = true
			continue
		}
		name, value, _ := strings.Cut(option, "=")
		n, err := strconv.Atoi(value)
		ts.Check(err)
		switch name {
		case "keep":
			t.Connections = n
		case "oneshot":
			t.OneShot = n
		case "pause":
			t.Pause = time.Duration(n) * time.Millisecond
		case "sleep":
			t.Sleep = time.Duration(n) * time.Millisecond
		default:
			ts.Fatalf("no option %s", name)
		}
	}
	return t
}

// account stops a hammer and lets no loss pass. A retry is none (RFC 9112 section 9.3.1), but workers that end as ours do
// never cause one, so without a kill there must not be any.
func account(ts *testscript.TestScript, h *hammer.Hammer, args []string) {
	var killed []int
	for _, arg := range args {
		for pid := range strings.SplitSeq(strings.TrimPrefix(arg, "killed="), ",") {
			n, err := strconv.Atoi(pid)
			ts.Check(err)
			killed = append(killed, n)
		}
	}
	report := h.Stop(killed...)
	ts.Logf("%v", report)
	if report.Lost() > 0 || report.Retried > 0 && len(killed) == 0 || report.Answered == 0 {
		ts.Fatalf("requests were lost: %v", report)
	}
	_, _ = fmt.Fprintln(ts.Stdout(), report)
}

func awaitAnswers(ts *testscript.TestScript, args []string) {
	h := of(ts).hammers[args[0]]
	if h == nil {
		ts.Fatalf("no hammer %s", args[0])
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	before := h.Answered()
	if !within(patience, func() bool { return h.Answered() >= before+n }) {
		ts.Fatalf("the hammer %s has got %d answers more, want %d", args[0], h.Answered()-before, n)
	}
}

func cmdProbe(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) > 0, "probe ADDR [QUERY]")
	body, err := request(args[0], strings.Join(args[1:], "&"))
	if (err != nil) != neg {
		ts.Fatalf("probe %s: %q, %v", strings.Join(args, " "), body, err)
	}
	_, _ = io.WriteString(ts.Stdout(), body)
}

// request asks on a new connection and returns the body of the answer.
func request(addr, query string) (string, error) {
	conn, err := net.DialTimeout(network(addr), address(addr), patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\n\r\n", query); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(bufio.NewReader(conn), 1<<20))
	if err != nil {
		return "", err
	}
	head, body, ok := strings.Cut(string(answer), "\r\n\r\n")
	if !ok || !strings.HasPrefix(head, "HTTP/1.1 200") {
		return "", fmt.Errorf("no answer, but %q", answer)
	}
	return body, nil
}
