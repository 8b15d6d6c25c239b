package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pipe is one with a small buffer, as a log that is not read soon has. hangUp
// closes its reading end before the end of the test.
func pipe(t *testing.T) (r, w int, hangUp func()) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	hangUp = sync.OnceFunc(func() { unix.Close(p[0]) })
	t.Cleanup(func() { hangUp(); unix.Close(p[1]) })
	return p[0], p[1], hangUp
}

// read takes all there is until the text is there.
func read(t *testing.T, fd int, until string) string {
	t.Helper()
	var all bytes.Buffer
	part := make([]byte, 4096)
	for end := time.Now().Add(patience); !strings.Contains(all.String(), until); {
		ready, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		if ready > 0 {
			n, err := unix.Read(fd, part)
			if err != nil || n == 0 {
				t.Fatalf("the log ended: %v: %s", err, all.String())
			}
			all.Write(part[:n])
		}
		if time.Now().After(end) {
			t.Fatalf("never: %q in %s", until, all.String())
		}
	}
	return all.String()
}

func TestB16LogThatNobodyReads(t *testing.T) {
	r, w, _ := pipe(t)
	log, lines := newLog(w, "text", slog.LevelInfo)
	for i := range 10 * queueLength { // returns: that is the test
		log.Info("line", "n", i)
	}
	read(t, r, "dropped, for nobody read them")
	log.Info("the end")
	if text := read(t, r, "the end"); strings.Contains(text, fmt.Sprint("n=", 10*queueLength)) {
		t.Error("a line that was never written")
	}
	lines.Close()
}

func TestB16LogClosesWhenNobodyReads(t *testing.T) {
	_, w, hangUp := pipe(t)
	log, lines := newLog(w, "text", slog.LevelInfo)
	for range 2 * queueLength {
		log.Info("line")
	}
	lines.Close()
	hangUp() // now the write that is stuck fails, and the goroutine ends
	<-lines.ended
}

func TestB16LogWithoutAReader(t *testing.T) {
	pipes := make(chan os.Signal, 100)
	signal.Notify(pipes, unix.SIGPIPE)
	defer signal.Stop(pipes)
	_, w, hangUp := pipe(t)
	hangUp()
	log, lines := newLog(w, "text", slog.LevelInfo)
	for range 100 {
		log.Info("line")
	}
	lines.Close()
	if lines.dropped.Load() != 100 {
		t.Errorf("%d lines of 100 dropped", lines.dropped.Load())
	}
	if len(pipes) > 0 {
		t.Errorf("%d times SIGPIPE", len(pipes))
	}
}

func TestB16LogOnANonBlockingPipe(t *testing.T) {
	r, w, _ := pipe(t)
	if err := unix.SetNonblock(w, true); err != nil {
		t.Fatal(err)
	}
	log, lines := newLog(w, "text", slog.LevelInfo)
	for i := range queueLength / 2 {
		log.Info("line", "n", i)
	}
	text := read(t, r, fmt.Sprintf("n=%d\n", queueLength/2-1))
	if n := strings.Count(text, "\n"); n != queueLength/2 {
		t.Errorf("%d lines of %d", n, queueLength/2)
	}
	lines.Close()
}

func TestLogFormats(t *testing.T) {
	r, w, _ := pipe(t)
	log, lines := newLog(w, "json", slog.LevelInfo)
	log.Warn("two words", "key", "value")
	var got map[string]any
	if err := json.Unmarshal([]byte(read(t, r, "\n")), &got); err != nil || got["msg"] != "two words" || got["key"] != "value" {
		t.Errorf("%v, %v", got, err)
	}
	lines.Close()

	var st unix.Stat_t
	if err := unix.Fstat(w, &st); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	log, lines = newLog(w, "text", slog.LevelInfo)
	log.Warn("two words", "key", "value")
	if text := read(t, r, "\n"); text != "level=WARN msg=\"two words\" key=value\n" {
		t.Errorf("to the journal: %q", text)
	}
	lines.Close()
}
