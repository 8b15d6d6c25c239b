package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Herder's own lines go to stderr. A log must never hold up the herd, nor end
// it (row B16 of scripts/faults):
//
//  1. A line is put in a queue of queueLength lines, and one goroutine writes.
//     A full queue (a pipe nobody reads) drops lines and counts them; the count
//     is logged when there is room again.
//  2. Writing into a pipe without a reader is EPIPE and a SIGPIPE for the
//     thread that wrote. Package os ends the program on it when the descriptor
//     is 1 or 2, so the write is a bare one; and the thread blocks the signal,
//     which would else be one more signal to tell of in the log.
//  3. Somebody who shares our stderr may have made it non-blocking: EAGAIN
//     means to wait, here too.

// queueLength is in lines. The herder says a few for each decision.
const queueLength = 1024

// flushTime is how long the last lines may take when the herder ends.
const flushTime = time.Second

// lineWriter is rule 1.
type lineWriter struct {
	fd      int
	lines   chan []byte
	dropped atomic.Int64
	ending  chan struct{}
	ended   chan struct{}
	end     sync.Once
	report  func(dropped int64)
}

// newLog makes the log on a descriptor; format is text or json, and lines below the
// level are left out. Call close to have the last lines written.
func newLog(fd int, format string, level slog.Level) (l *slog.Logger, w *lineWriter) {
	w = &lineWriter{fd: fd, lines: make(chan []byte, queueLength), ending: make(chan struct{}), ended: make(chan struct{})}
	options := &slog.HandlerOptions{Level: level}
	if toJournal(fd) {
		options.ReplaceAttr = withoutTime
	}
	l = slog.New(slog.NewTextHandler(w, options))
	if format == "json" {
		l = slog.New(slog.NewJSONHandler(w, options))
	}
	w.report = func(n int64) { l.Warn("lines of this log were dropped, for nobody read them", "lines", n) }
	go w.run()
	return l, w
}

// toJournal: journald puts the time to each line itself, and says by
// JOURNAL_STREAM which file is its stream (systemd.exec(5)).
func toJournal(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Write takes one line. It never waits and never fails.
func (w *lineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

func (w *lineWriter) run() {
	defer close(w.ended)
	runtime.LockOSThread() // for good: the thread ends with us, and its mask with it
	blockSIGPIPE()
	for {
		select {
		case line := <-w.lines:
			w.put(line)
		case <-w.ending:
			w.flush()
			return
		}
	}
}

// flush writes what is there.
func (w *lineWriter) flush() {
	for {
		select {
		case line := <-w.lines:
			w.put(line)
		default:
			return
		}
	}
}

func (w *lineWriter) put(line []byte) {
	if !w.write(line) {
		w.dropped.Add(1)
		return
	}
	if n := w.dropped.Swap(0); n > 0 {
		w.report(n)
	}
}

// write is false when the line cannot be written at all.
func (w *lineWriter) write(line []byte) bool {
	for len(line) > 0 {
		n, err := unix.Write(w.fd, line)
		switch {
		case err == nil:
			line = line[n:]
		case errors.Is(err, unix.EAGAIN) && !w.isEnding():
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLOUT}}, 1000)
		case !errors.Is(err, unix.EINTR):
			return false
		}
	}
	return true
}

func (w *lineWriter) isEnding() bool {
	select {
	case <-w.ending:
		return true
	default:
		return false
	}
}

// Close gives the last lines a moment; a pipe nobody reads is left as it is.
func (w *lineWriter) Close() {
	w.end.Do(func() { close(w.ending) })
	late := time.NewTimer(flushTime)
	defer late.Stop()
	select {
	case <-w.ended:
	case <-late.C:
	}
}

func blockSIGPIPE() {
	var set unix.Sigset_t
	bits := uint(unix.SIGPIPE - 1)
	set.Val[bits/64] |= 1 << (bits % 64)
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}

// demoLog keeps what is more than news, to be shown if the demo fails.
func demoLog(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: withoutTime}))
}
