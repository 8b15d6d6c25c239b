package master

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/pool"
)

// output is what one worker writes. Its stdout is the master's own, untouched,
// unless lines are wanted; its stderr always comes through a pipe, so that its last
// lines can be remembered.
type output struct {
	stdout, stderr int   // for the worker, until started
	own            []int // our copies of the worker's ends
	ring           ring
	telling        atomic.Bool   // the loop hears of each write to stderr
	drained        chan struct{} // closed at the end of stderr
}

// copyBuffer is what one pump moves at once.
const copyBuffer = 8 << 10

// newOutput makes the pipes of a worker and begins to read them. Call started
// when the worker has them, or will not be.
func (s *shell) newOutput(slot int) (*output, error) {
	o := &output{stdout: unix.Stdout, drained: make(chan struct{})}
	o.telling.Store(true)
	prefix := ""
	if s.spec.LogPrefix {
		prefix = fmt.Sprintf("[%s %d.%d] ", s.spec.Name, s.spec.Generation, slot)
	}
	lines := s.spec.LogPrefix || s.spec.LogFile != ""
	var err error
	if o.stderr, err = s.pipe(o, s.sink(os.Stderr, prefix, lines), true); err != nil {
		return nil, err
	}
	if !lines {
		return o, nil
	}
	if o.stdout, err = s.pipe(o, s.sink(os.Stdout, prefix, lines), false); err != nil {
		o.started()
		return nil, err
	}
	return o, nil
}

// sink is where bytes go: as they are, or line by line, to ours or to the file.
func (s *shell) sink(own *os.File, prefix string, lines bool) io.Writer {
	var to io.Writer = own
	if s.spec.LogFile != "" {
		to = s.log
	}
	if !lines {
		return to
	}
	return &liner{to: to, prefix: prefix}
}

// pipe returns the write end and pumps what comes out of the other one.
func (s *shell) pipe(o *output, to io.Writer, isStderr bool) (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, fmt.Errorf("cannot make a pipe for a worker's output: %w", err)
	}
	// Our end alone: O_NONBLOCK belongs to the open file description, and a pipe has two.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return -1, fmt.Errorf("cannot make a pipe for a worker's output: %w", err)
	}
	o.own = append(o.own, fds[1])
	from := os.NewFile(uintptr(fds[0]), "worker's output")
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		defer from.Close()
		if isStderr {
			defer close(o.drained)
			pump(from, to, func(b []byte) { s.remember(o, b) })
			return
		}
		pump(from, to, func([]byte) {})
	}()
	return fds[1], nil
}

// pump copies until every write end is closed. What cannot be written is dropped:
// a log reader that is gone (EPIPE), or a full disk, is no reason for a worker to
// die or to wait. What is written slowly makes the worker wait, as without us.
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

// remember keeps what a worker wrote, and tells the herder while the worker boots:
// when its time is over, it is too late to ask.
func (s *shell) remember(o *output, b []byte) {
	o.ring.write(b)
	if o.telling.Load() {
		s.post(func() []pool.Event {
			s.lastWords(o)
			return nil
		})
	}
}

// lastWords reports what a worker wrote last that boots, or has died of it.
func (s *shell) lastWords(o *output) {
	for slot, w := range s.workers {
		switch {
		case w.out != o:
		case !w.booting && !w.gone:
			o.telling.Store(false)
		default:
			s.Say(Report{Kind: ReportTail, Worker: slot, Tail: o.ring.lines()})
		}
	}
}

// started closes our copies of the worker's ends.
func (o *output) started() {
	for _, fd := range o.own {
		unix.Close(fd)
	}
	o.own = nil
}

func (o *output) isDrained() bool {
	select {
	case <-o.drained:
		return true
	default:
		return false
	}
}
