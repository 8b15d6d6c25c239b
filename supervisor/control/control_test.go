package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// badRequests are lines no server takes.
func badRequests() map[string]string {
	return map[string]string{
		"empty":             "",
		"no JSON":           "status",
		"a list":            `[1]`,
		"a string":          `"status"`,
		"null":              `null`,
		"cut short":         `{"v":1,"do":"status"`,
		"trailing":          `{"v":1,"do":"status"} x`,
		"two objects":       `{"v":1,"do":"status"}{}`,
		"nested":            `{"v":1,"do":{"a":1}}`,
		"deeply nested":     `{"v":1,"do":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
		"key twice":         `{"v":1,"do":"status","do":"stop"}`,
		"key twice escaped": `{"v":1,"do":"status","\u0064o":"stop"}`,
		"version a string":  `{"v":"1","do":"status"}`,
		"version a half":    `{"v":1.5,"do":"status"}`,
		"version huge":      `{"v":99999999999999999999,"do":"status"}`,
		"version 2^32+1":    `{"v":4294967297,"do":"status"}`,
		"now a string":      `{"v":1,"do":"stop","now":"yes"}`,
		"arg null":          `{"v":1,"do":"scale","arg":null}`,
		"NUL byte":          "{\"v\":1,\"do\":\"status\x00\"}",
		"NUL escaped":       `{"v":1,"do":"scale","arg":"\u0000"}`,
		"newline escaped":   `{"v":1,"do":"scale","arg":"1\n2"}`,
		"broken UTF-8":      "{\"v\":1,\"do\":\"scale\",\"arg\":\"\xff\xfe\"}",
		"timeout zero":      `{"v":1,"do":"upgrade","timeout":"0s"}`,
		"timeout negative":  `{"v":1,"do":"upgrade","timeout":"-1s"}`,
		"timeout a number":  `{"v":1,"do":"upgrade","timeout":"10"}`,
	}
}

func FuzzControlLine(f *testing.F) {
	for _, text := range badRequests() {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"v":1,"do":"signal","arg":"USR1","to":"workers","now":true,"timeout":"1m"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRequest(line)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseRequest(again); err != nil || back != r {
			t.Errorf("%q is read as %+v, and that as %+v, %v", line, r, back, err)
		}
	})
}

func TestStatusKeysAreStable(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	full := Reply{Status: &Status{
		Name: "shop", PID: 7, State: "upgrading",
		Serving:     &Generation{Generation: 7, Want: 1, Master: &Master{8, at}, Workers: []Worker{{0, 9, "up", at, 2}}},
		Listeners:   []Listener{{"web", "127.0.0.1:8080", "tcp", 3, 1024}},
		Retiring:    []Generation{{Generation: 5, Workers: []Worker{}}},
		LastUpgrade: &Verdict{Verdict: RolledBack, Reason: "exit 1", From: 6, To: 7, Seconds: 1.5},
		NextStart:   &NextStart{at, "exit 1", 2},
	}}
	const want = `{"code":0,"status":{"name":"shop","pid":7,"state":"upgrading",` +
		`"serving":{"generation":7,"master":{"pid":8,"start":"2026-11-25T12:00:00Z"},` +
		`"workers":[{"id":0,"pid":9,"state":"up","since":"2026-11-25T12:00:00Z","restarts":2}],"want":1},` +
		`"successor":null,"retiring":[{"generation":5,"master":null,"workers":[],"want":0}],` +
		`"listeners":[{"name":"web","address":"127.0.0.1:8080","network":"tcp","queued":3,"backlog":1024}],` +
		`"last_upgrade":{"verdict":"rolled back","reason":"exit 1","from":6,"to":7,"seconds":1.5},` +
		`"next_start":{"at":"2026-11-25T12:00:00Z","reason":"exit 1","tries":2}}}` + "\n"
	if diff := cmp.Diff(want, string(full.line())); diff != "" {
		t.Error(diff)
	}
	empty := Reply{Status: &Status{Retiring: []Generation{{}}}}
	if got := string(empty.line()); strings.Contains(got, `s":null`) {
		t.Errorf("a list is null: %s", got)
	}
}

func TestDiagnosisKeysAreStable(t *testing.T) {
	r := Reply{Code: Failed, Error: "wrong: 1 of 1 findings", Diagnosis: &Diagnosis{Name: "shop", PID: 7,
		Findings: []Finding{{FoundWrong, "backlog", "it is 5", "put it back"}}}}
	const want = `{"code":1,"error":"wrong: 1 of 1 findings","diagnosis":{"name":"shop","pid":7,` +
		`"findings":[{"level":"wrong","check":"backlog","detail":"it is 5","do":"put it back"}]}}` + "\n"
	if diff := cmp.Diff(want, string(r.line())); diff != "" {
		t.Error(diff)
	}
}

func TestRequestArrivesAsSent(t *testing.T) {
	got := make(chan Request, 1)
	s := start(t, func(_ context.Context, r Request) Reply { got <- r; return Reply{} }, small())
	sent := Request{V: 1, Do: DoSignal, Arg: `U"S\R1`, To: "workers", Now: true, Timeout: "1h"}
	ask(t, s, sent)
	if r := <-got; r != sent {
		t.Errorf("sent %+v, arrived %+v", sent, r)
	}
}

func TestTimeoutOfTheRequestEndsTheWait(t *testing.T) {
	s := start(t, func(ctx context.Context, _ Request) Reply { return Await(ctx, nil) }, small())
	if r := ask(t, s, Request{Do: DoUpgrade, Timeout: "1ms"}); r.Code != TimedOut || r.Error == "" {
		t.Errorf("%+v", r)
	}
}

func TestAwaitPrefersTheAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		answer := make(chan Reply, 1)
		answer <- Reply{Note: "here"}
		if r := Await(ctx, answer); r.Note != "here" {
			t.Fatalf("%+v", r)
		}
	}
}

func TestClientErrors(t *testing.T) {
	path := socketPath(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := Call(ctx, path, Request{Do: DoStatus})
	if !errors.Is(err, ErrNotRunning) || Code(err) != NotRunning || !strings.Contains(err.Error(), path) {
		t.Errorf("no directory: %v", err)
	}
	if err := errors.Join(MakeDir(filepath.Dir(path)), deadSocket(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Call(ctx, path, Request{Do: DoStatus}); Code(err) != NotRunning {
		t.Errorf("dead socket: %v", err)
	}
	if Code(fmt.Errorf("x: %w", fs.ErrPermission)) != NoPermission || Code(context.DeadlineExceeded) != TimedOut {
		t.Error("codes of errors")
	}
	s := start(t, func(ctx context.Context, _ Request) Reply { return Await(ctx, nil) }, small())
	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := Call(soon, s.Path(), Request{Do: DoUpgrade}); Code(err) != TimedOut {
		t.Errorf("deadline: %v", err)
	}
}

// deadSocket leaves a socket nobody listens on, as a killed herder does.
func deadSocket(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l.Close()
}

func TestDeadSocketIsReplacedLiveOneIsNot(t *testing.T) {
	path := socketPath(t)
	if err := errors.Join(MakeDir(filepath.Dir(path)), deadSocket(path)); err != nil {
		t.Fatal(err)
	}
	s, err := Serve(path, echo)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Serve(path, echo); !errors.Is(err, ErrInUse) {
		t.Errorf("a second server: %v", err)
	}
	if r := ask(t, s, Request{Do: DoStatus}); r.Code != OK {
		t.Errorf("the first is touched: %+v", r)
	}
}

func TestManyServersFindOneDeadSocket(t *testing.T) {
	for range 30 {
		path := socketPath(t)
		if err := errors.Join(MakeDir(filepath.Dir(path)), deadSocket(path)); err != nil {
			t.Fatal(err)
		}
		race(t, path)
	}
}

// race starts servers on one path; one may win.
func race(t *testing.T, path string) {
	t.Helper()
	won := make(chan *Server, 20)
	var all sync.WaitGroup
	for range cap(won) {
		all.Go(func() {
			s, err := Serve(path, echo)
			if err == nil {
				won <- s
			} else if !errors.Is(err, ErrInUse) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(won)
	if len(won) != 1 {
		t.Errorf("%d servers on one path", len(won))
	}
	for s := range won {
		s.Close()
	}
}

func TestCloseLeavesAnothersSocketAlone(t *testing.T) {
	s := start(t, echo, small())
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	other, err := Serve(s.Path(), echo)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, other, Request{Do: DoStatus}); r.Code != OK {
		t.Errorf("%+v", r)
	}
}

func TestCloseDoesNotWaitForeverForAHandler(t *testing.T) {
	lim := small()
	lim.leave = time.Millisecond
	release, inside := make(chan struct{}), make(chan struct{})
	s, err := serve(socketPath(t), func(context.Context, Request) Reply {
		close(inside)
		<-release
		return Reply{}
	}, lim)
	if err != nil {
		t.Fatal(err)
	}
	c := raw(t, s)
	_, _ = c.Write([]byte(`{"v":1,"do":"stop"}` + "\n"))
	<-inside
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "1 requests") {
		t.Errorf("%v", err)
	}
	close(release)
	s.all.Wait()
}

// The herder of this test is another process, as it must be to be waited for.
func TestCallToTheEndWaitsForTheProcess(t *testing.T) {
	path := socketPath(t)
	herder := exec.Command("/proc/self/exe")
	herder.Env = []string{"HERDER_TEST_SERVER=" + path}
	herder.Stderr = os.Stderr
	if err := herder.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- herder.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	eventually(t, "it answers", func() bool { _, err := Call(ctx, path, Request{Do: DoStatus}); return err == nil })
	if r, err := CallToTheEnd(ctx, path, Request{Do: DoScale}); err != nil || r.Code != Failed {
		t.Errorf("a refusal: %+v, %v", r, err)
	}
	if _, err := CallToTheEnd(ctx, path, Request{Do: DoStop}); err != nil && !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	if err := unix.Kill(herder.Process.Pid, 0); err == nil && !zombie(herder.Process.Pid) {
		t.Error("it still runs")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := CallToTheEnd(ctx, path, Request{Do: DoStop}); Code(err) != NotRunning {
		t.Errorf("nobody there: %v", err)
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// serverMain serves until it is asked to stop, and then takes its time.
func serverMain(path string) int {
	stop := make(chan struct{})
	s, err := Serve(path, func(_ context.Context, r Request) Reply {
		switch r.Do {
		case DoScale:
			return Reply{Code: Failed, Error: "no"}
		case DoStop:
			close(stop)
		}
		return Reply{}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	<-stop
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	time.Sleep(300 * time.Millisecond) // the part that an impatient client would not wait for
	return 0
}

func TestLongPath(t *testing.T) {
	dir := filepath.Dir(socketPath(t))
	path := filepath.Join(dir, strings.Repeat("d", 100), "control.sock")
	s, err := Serve(path, echo)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r := ask(t, s, Request{Do: DoStatus}); r.Code != OK {
		t.Errorf("%+v", r)
	}
}

func TestReplyTooLongIsAnError(t *testing.T) {
	s := start(t, func(context.Context, Request) Reply {
		return Reply{Note: strings.Repeat("n", MaxReply)}
	}, small())
	if r := ask(t, s, Request{Do: DoStatus}); r.Code != Internal {
		t.Errorf("%+v", r)
	}
}
