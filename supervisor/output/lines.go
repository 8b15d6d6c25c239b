package output

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

// maxLine bounds a line: a longer one is cut in pieces, each with its prefix.
const maxLine = 16 << 10

// liner writes whole lines, each with a prefix, several in one write: lines of
// different workers do not mix.
type liner struct {
	to     io.Writer
	prefix string
	part   []byte // of a line that has no end yet
}

func (l *liner) Write(b []byte) (int, error) {
	n := len(b)
	var out []byte
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.part); len(line) > room {
			line, rest, ended = b[:room], b[room:], true
		}
		b = rest
		if !ended {
			l.part = append(l.part, line...)
			break
		}
		out = l.line(out, line)
	}
	if len(out) == 0 {
		return n, nil
	}
	_, err := l.to.Write(out)
	return n, err
}

// line appends a finished line to out.
func (l *liner) line(out, end []byte) []byte {
	out = append(append(append(out, l.prefix...), l.part...), end...)
	l.part = l.part[:0]
	return append(out, '\n')
}

// end writes what has no newline: the worker's last word.
func (l *liner) end() {
	if len(l.part) > 0 {
		_, _ = l.to.Write(l.line(nil, nil))
	}
}

// What is remembered of a worker's stderr.
const (
	maxTailBytes = 4 << 10
	maxTailLines = 20
)

// ring remembers the end of what was written. The pump writes, the loop reads.
type ring struct {
	mu  sync.Mutex
	buf []byte
}

func (r *ring) write(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b = b[max(0, len(b)-maxTailBytes):]
	if over := len(r.buf) + len(b) - maxTailBytes; over > 0 {
		r.buf = slices.Delete(r.buf, 0, over)
	}
	r.buf = append(r.buf, b...)
}

// lines are the last ones; the first may be the end of a longer one.
func (r *ring) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := bytes.TrimRight(r.buf, "\n")
	if len(text) == 0 {
		return nil
	}
	lines := bytes.Split(text, []byte("\n"))
	lines = lines[max(0, len(lines)-maxTailLines):]
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = string(bytes.ToValidUTF8(line, []byte("\uFFFD")))
	}
	return out
}
