package output

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Options say where the output of a process goes.
type Options struct {
	Prefix string          // put in front of every line; "": lines stay as they are
	Log    *File           // takes everything; nil: it goes to our own stdout and stderr
	Both   bool            // what is remembered of stderr is of stdout, too
	Heard  func()          // called when something came that is remembered, beside the caller; nil: nobody asks
	Pumps  *sync.WaitGroup // counts what still copies
	// UID and GID are those of the process, where they are not ours: it may open
	// /dev/stderr anew, as some are configured to, and that is a question of who owns
	// the pipe.
	UID, GID int
}

// Output is what one process writes. Its stdout is our own, untouched, unless
// lines are wanted; its stderr always comes through a pipe, so that its last lines
// can be remembered. Of some servers it is stdout that they stand in.
type Output struct {
	Stdout, Stderr int   // for the process, until Started
	own            []int // our copies of the process's ends
	first          *Tail // since it was started
	mu             sync.Mutex
	tails          []*Tail
	remembered     sync.WaitGroup // pumps of what is remembered
	drained        chan struct{}  // closed at the end of that
}

// copyBuffer is what one pump moves at once.
const copyBuffer = 8 << 10

// New makes the pipes of a process and begins to read them. Call Started when the
// process has them, or will not be.
func New(opts Options) (*Output, error) {
	o := &Output{Stdout: unix.Stdout, drained: make(chan struct{})}
	o.first = o.Listen(opts.Heard)
	var err error
	if o.Stderr, err = o.pipe(opts, os.Stderr, true); err != nil {
		return nil, err
	}
	if opts.Both || opts.Prefix != "" || opts.Log != nil {
		if o.Stdout, err = o.pipe(opts, os.Stdout, opts.Both); err != nil {
			o.Started()
			return nil, err
		}
	}
	go func() {
		o.remembered.Wait()
		close(o.drained)
	}()
	return o, nil
}

// sink is where bytes go: as they are, or line by line, to ours or to the file.
func (opts Options) sink(own *os.File) io.Writer {
	var to io.Writer = own
	if opts.Log != nil {
		to = opts.Log
	}
	if opts.Prefix == "" && opts.Log == nil {
		return to
	}
	return &liner{to: to, prefix: opts.Prefix}
}

// pipe returns the write end and pumps what comes out of the other one.
func (o *Output) pipe(opts Options, own *os.File, remembered bool) (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("cannot make a pipe for a process's output: %w", err)
	}
	// Our end alone: O_NONBLOCK belongs to the open file description, and a pipe has two.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return -1, fmt.Errorf("cannot make a pipe for a process's output: %w", err)
	}
	if opts.UID != 0 || opts.GID != 0 {
		_ = unix.Fchown(fds[1], opts.UID, opts.GID) // without the right to it, we have the same identity
	}
	o.own = append(o.own, fds[1])
	from := os.NewFile(uintptr(fds[0]), "output of a process")
	opts.Pumps.Add(1)
	remember := func([]byte) {}
	if remembered {
		o.remembered.Add(1)
		remember = o.remember
	}
	go func() {
		defer opts.Pumps.Done()
		defer from.Close()
		if remembered {
			defer o.remembered.Done()
		}
		pump(from, opts.sink(own), remember)
	}()
	return fds[1], nil
}

// pump copies until every write end is closed. What cannot be written is dropped:
// a log reader that is gone (EPIPE), or a full disk, is no reason for a process to
// die or to wait. What is written slowly makes the process wait, as without us.
func pump(from io.Reader, to io.Writer, remember func([]byte)) {
	buf := make([]byte, copyBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			remember(buf[:n])
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			break
		}
	}
	if l, is := to.(*liner); is {
		l.end()
	}
}

// Started closes our copies of the process's ends.
func (o *Output) Started() {
	for _, fd := range o.own {
		unix.Close(fd)
	}
	o.own = nil
}

// Tail are the last lines that came and are remembered.
func (o *Output) Tail() []string { return o.first.Lines() }

// Drained is closed when nobody can write more that is remembered, and all is read.
func (o *Output) Drained() <-chan struct{} { return o.drained }
