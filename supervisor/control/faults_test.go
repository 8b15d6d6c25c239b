package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is a user who is neither root nor us.
const nobody = 65534

func TestK1StrangersAreClosedAndLogged(t *testing.T) {
	var log lines
	lim := small()
	asRoot := os.Geteuid() == 0
	if !asRoot {
		lim.uid = os.Geteuid() + 1 // then we are the stranger
	}
	s := start(t, echo, lim, log.log())
	if asRoot {
		openToAll(t, s.Path())
		beStranger(t, s.Path())
	} else if code := strangerMain(s.Path()); code != 0 {
		t.Fatalf("the stranger ended with %d", code)
	}
	eventually(t, "the log names the stranger", func() bool {
		return strings.Contains(log.String(), "closed a control client of another user")
	})
	if asRoot && ask(t, s, Request{Do: DoStatus}).Code != OK {
		t.Error("our own user is not served any more")
	}
}

// openToAll undoes every other protection, so that the last one is tested.
func openToAll(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
}

// beStranger runs this binary as nobody. The copy is for test binaries in
// directories nobody may enter.
func beStranger(t *testing.T, path string) {
	t.Helper()
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(filepath.Dir(path)), "stranger")
	if err := os.WriteFile(copied, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied)
	cmd.Dir = "/"
	cmd.Env = []string{"HERDER_TEST_CLIENT=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("stranger: %v: %s", err, out)
	}
}

// strangerMain asks for the status and is content when it gets no answer.
func strangerMain(path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := Call(ctx, path, Request{Do: DoStatus})
	if !errors.Is(err, ErrNoAnswer) {
		fmt.Fprintf(os.Stderr, "answered %+v, %v\n", reply, err)
		return 1
	}
	return 0
}

func TestK2EndlessRequest(t *testing.T) {
	s := start(t, echo, small())
	whole := `{"v":1,"do":"scale","arg":"` + strings.Repeat("9", MaxLine-30) + `"}` + "\n"
	if r := say(t, s, whole); r.Code != OK {
		t.Errorf("a request of %d bytes: %+v", len(whole), r)
	}
	if r := say(t, s, strings.Repeat("x", MaxLine)); r.Code != Usage || !strings.Contains(r.Error, "longer than 65536") {
		t.Errorf("no newline in 64 KiB: %+v", r)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := raw(t, s)
	block := bytes.Repeat([]byte("x"), 1<<20)
	sent := 0
	for range 1 << 10 { // a GiB, if somebody took it
		n, err := c.Write(block)
		if sent += n; err != nil {
			break
		}
	}
	if r := hearReply(t, c); r.Code != Usage || sent >= 4<<20 {
		t.Errorf("took %d bytes of a GiB: %+v", sent, r)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("allocated %d bytes", grown)
	}
}

func TestK3Slowloris(t *testing.T) {
	s := start(t, echo, small())
	var slow []*net.UnixConn
	for range 500 {
		c := raw(t, s)
		if _, err := c.Write([]byte("{")); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	for i := range 20 {
		if r := ask(t, s, Request{Do: DoScale, Arg: fmt.Sprint(i)}); r.Note != fmt.Sprintf("scale %d", i) {
			t.Fatalf("question %d: %+v", i, r)
		}
	}
	if _, all := s.room.silent(); all > 8 {
		t.Errorf("%d clients at once", all)
	}
	if r := hearReply(t, slow[0]); r.Code != Busy {
		t.Errorf("the first to lose its place heard %+v", r)
	}
}

func TestK3SilentClientMeetsItsDeadline(t *testing.T) {
	lim := small()
	lim.patience = time.Millisecond
	s := start(t, echo, lim)
	if r := hearReply(t, raw(t, s)); r.Code != Usage || !strings.Contains(r.Error, "did not end in time") {
		t.Errorf("%+v", r)
	}
}

func TestK3FullHouseOfWaitingClients(t *testing.T) {
	release := make(chan struct{})
	var inside atomic.Int32
	s := start(t, func(context.Context, Request) Reply {
		inside.Add(1)
		<-release
		return Reply{}
	}, small())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { ask(t, s, Request{Do: DoUpgrade}) })
	}
	eventually(t, "8 wait", func() bool { return inside.Load() == 8 })
	if r := hearReply(t, raw(t, s)); r.Code != Busy {
		t.Errorf("the ninth heard %+v", r)
	}
	close(release)
	all.Wait()
	if r := ask(t, s, Request{Do: DoStatus}); r.Code != OK {
		t.Errorf("after they left: %+v", r)
	}
}

func TestK4MalformedRequests(t *testing.T) {
	s := start(t, func(_ context.Context, r Request) Reply {
		t.Errorf("the handler was asked %+v", r)
		return Reply{}
	}, small())
	for name, text := range badRequests() {
		if r := say(t, s, text+"\n"); r.Code != Usage || r.Error == "" || strings.Contains(r.Error, "\n") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := say(t, s, `{"v":1,"do":"status"}`+"\n"+`{"v":1,"do":"stop"}`+"\n"); r.Code != Usage {
		t.Errorf("two requests: %+v", r)
	}
	c := raw(t, s)
	_, _ = c.Write([]byte(`{"v":1,`))
	_ = c.CloseWrite()
	if r := hearReply(t, c); r.Code != Usage || !strings.Contains(r.Error, "without a newline") {
		t.Errorf("half a request: %+v", r)
	}
}

func TestK5ClientGoesOrNeverReads(t *testing.T) {
	var ended atomic.Int32
	s := start(t, func(ctx context.Context, r Request) Reply {
		if r.Do == DoUpgrade {
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), errHungUp) {
				ended.Add(1)
			}
		}
		return Reply{Note: strings.Repeat(r.Arg, MaxReply/2)} // more than any buffer takes
	}, small())
	gone := raw(t, s)
	_, _ = gone.Write([]byte(`{"v":1,"do":"upgrade"}` + "\n"))
	gone.Close()
	eventually(t, "the handler of a client that has gone ends", func() bool { return ended.Load() == 1 })

	deaf := raw(t, s)
	_ = deaf.SetReadBuffer(1)
	_, _ = deaf.Write([]byte(`{"v":1,"do":"status","arg":"n"}` + "\n"))
	early := raw(t, s)
	early.Close()
	for range 20 {
		if r := ask(t, s, Request{Do: DoStatus}); r.Code != OK {
			t.Fatalf("%+v", r)
		}
	}
	deaf.Close()
}

func TestK5HalfClosedClientIsAnswered(t *testing.T) {
	asked, release := make(chan struct{}), make(chan Reply, 1)
	s := start(t, func(ctx context.Context, _ Request) Reply {
		close(asked)
		return Await(ctx, release)
	}, small())
	c := raw(t, s)
	_, _ = c.Write([]byte(`{"v":1,"do":"upgrade"}` + "\n"))
	_ = c.CloseWrite() // as nc -U and socat do at the end of their input
	<-asked
	release <- Reply{Note: "done"}
	if r := hearReply(t, c); r.Note != "done" {
		t.Errorf("%+v", r)
	}
}

func TestK6UnaskedDescriptors(t *testing.T) {
	s := start(t, echo, small())
	null, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	many := make([]int, 250)
	for i := range many {
		many[i] = int(null.Fd())
	}
	rights := unix.UnixRights(many...)
	for range 100 {
		c := raw(t, s)
		if _, _, err := c.WriteMsgUnix([]byte(`{"v":1,`), rights, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.WriteMsgUnix([]byte(`"do":"status"}`+"\n"), rights, nil); err != nil {
			t.Fatal(err)
		}
		if r := hearReply(t, c); r.Code != OK {
			t.Fatalf("%+v", r)
		}
		if got := countZero(t); got != 1 {
			t.Fatalf("%d descriptors arrived", got-1)
		}
		c.Close()
	}
}

// countZero counts our descriptors of /dev/zero.
func countZero(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == "/dev/zero" {
			n++
		}
	}
	return n
}
