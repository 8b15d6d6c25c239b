package hammer

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logged is the log of the workers, indexed by request number; nil when there is none to compare with.
type logged struct {
	first int
	lines []logLine
}

type logLine struct {
	first, last answer
	times       int
}

// readLog reads the lines whose numbers are in [first, first+count). Other hammers may use the same file.
func readLog(path string, first, count int) (*logged, error) {
	if path == "" {
		return nil, nil
	}
	l := &logged{first: first, lines: make([]logLine, count)}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil // no worker has logged: each answered request is unlogged then
	}
	if err != nil {
		return l, fmt.Errorf("cannot read the log of the workers: %w", err)
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	for in.Scan() {
		id, a, err := parseLine(in.Text())
		if err != nil {
			return l, fmt.Errorf("cannot read the log of the workers %s: %w", path, err)
		}
		if i := id - first; i >= 0 && i < count {
			l.lines[i].add(a)
		}
	}
	return l, in.Err()
}

func (l *logLine) add(a answer) {
	if l.times == 0 {
		l.first = a
	}
	l.last = a
	l.times++
}

// check turns an answer into a fault when the log does not say the same.
func (l *logged) check(id int, o outcome) outcome {
	if l == nil {
		return o
	}
	line := l.lines[id-l.first]
	switch {
	case line.times > 1:
		o.fault, o.detail = doubled, fmt.Sprintf("%d times in the log", line.times)
	case o.fault != none:
		if line.times == 1 {
			o.detail += fmt.Sprintf("; logged by pid %d", line.last.pid)
		}
	case line.times == 0:
		o.fault, o.detail = unlogged, fmt.Sprintf("answered by pid %d, but not in the log", o.answer.pid)
	case line.last != o.answer:
		o.fault, o.detail = different, fmt.Sprintf("answered %v, logged %v", o.answer, line.last)
	}
	return o
}

// line is what the log says about a request; zero when it says nothing.
func (l *logged) line(id int) logLine {
	if l == nil {
		return logLine{}
	}
	return l.lines[id-l.first]
}
