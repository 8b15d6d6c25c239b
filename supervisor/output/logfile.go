package output

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

var errNoLog = errors.New("cannot write to the log: it is not open")

// File is what the workers' lines go to where the user named a file: shared by
// all pumps, opened again on demand.
type File struct {
	path string
	fail func(error)
	mu   sync.Mutex
	file *os.File // nil: there is none, or it cannot be opened
}

// OpenFile opens the file; an empty path is no file. What goes wrong is told to
// fail, and is no reason not to serve.
func OpenFile(path string, fail func(error)) *File {
	l := &File{path: path, fail: fail}
	l.Reopen()
	return l
}

// Reopen takes the file that has the name now, after a log rotation. When it
// cannot be opened, the old one is kept.
func (l *File) Reopen() {
	if l.path == "" {
		return
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		l.fail(fmt.Errorf("cannot open the log of the workers: %w; mend that and ask to reopen it (USR1)", err))
		return
	}
	l.swap(f)
}

// Close closes the file; what is written from then on is lost.
func (l *File) Close() { l.swap(nil) }

func (l *File) swap(f *os.File) {
	l.mu.Lock()
	old := l.file
	l.file = f
	l.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// Write writes to the file, if there is one.
func (l *File) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, errNoLog
	}
	return l.file.Write(b)
}
