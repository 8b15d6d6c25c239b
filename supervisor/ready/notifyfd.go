package ready

import (
	"bytes"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// FD is a notification fd as s6 has it: a pipe whose write end one worker gets,
// and into which it writes a newline when it serves.
type FD struct {
	r     *os.File
	w     int // -1 once closed
	c     chan struct{}
	ended chan struct{}
	mu    sync.Mutex // guards w
}

// NewFD makes the pipe. Pass W to the worker, then call CloseW.
func NewFD() (*FD, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot make a notification pipe: %w", err)
	}
	// Only our end: the worker's must block, as its author expects.
	if err := unix.SetNonblock(p[0], true); err != nil {
		closeAll(p[:])
		return nil, fmt.Errorf("cannot make a notification pipe: %w", err)
	}
	f := &FD{
		r:     os.NewFile(uintptr(p[0]), "notification pipe"),
		w:     p[1],
		c:     make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
	go f.run()
	return f, nil
}

// W is the write end, to be put at some number in the worker; -1 after CloseW.
func (f *FD) W() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.w
}

// CloseW closes our copy of the write end, so that the end of the worker's is
// noticed.
func (f *FD) CloseW() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.w >= 0 {
		unix.Close(f.w)
		f.w = -1
	}
}

// C delivers one value when the newline arrives, and is closed then. It is
// closed without a value when every write end is closed and none came.
func (f *FD) C() <-chan struct{} { return f.c }

// Close closes both ends. It may be called again.
func (f *FD) Close() error {
	f.CloseW()
	f.r.Close() // an error means: closed before
	<-f.ended
	return nil
}

// run reads until the newline, and whatever comes after it until the end: a
// worker that goes on writing must neither block nor die of SIGPIPE.
func (f *FD) run() {
	defer close(f.ended)
	open := true
	var buf [256]byte
	for {
		n, err := f.r.Read(buf[:])
		if open && bytes.IndexByte(buf[:n], '\n') >= 0 {
			f.c <- struct{}{}
			close(f.c)
			open = false
		}
		if err != nil {
			if open {
				close(f.c)
			}
			return
		}
	}
}
