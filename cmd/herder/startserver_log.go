package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// exitCannotWrite is EX_CANTCREAT of sysexits(3).
const exitCannotWrite = 73

// starterLog is --log-file. Its zero value is none.
type starterLog struct {
	path    string // a file that can be opened again; "": anything else
	command string // of "| command"
	f       *os.File
}

// openStarterLog opens it before anything else happens: whether it can be opened is to be
// said where start_server was started.
func openStarterLog(name string) (*starterLog, error) {
	if name == "" {
		return &starterLog{}, nil
	}
	if command, pipe := strings.CutPrefix(strings.TrimSpace(name), "|"); pipe {
		return &starterLog{command: strings.TrimSpace(command)}, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("cannot tell where log file %s is: %w", name, err)
	}
	l := &starterLog{path: path}
	if l.f, err = openAppend(path); err != nil {
		return nil, err
	}
	if st, err := l.f.Stat(); err != nil || !st.Mode().IsRegular() {
		l.path = "" // a terminal, /dev/null: workers write to it as it is
	}
	return l, nil
}

func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOCTTY, 0o666)
	if err != nil {
		reason := err
		var on *fs.PathError
		if errors.As(err, &on) {
			reason = on.Err
		}
		return nil, fmt.Errorf("cannot open log file %s: %w", path, reason)
	}
	return f, nil
}

// begin makes it our stdout and stderr, and so that of the workers.
func (l *starterLog) begin() error {
	if l.command != "" {
		if err := l.start(); err != nil {
			return err
		}
	}
	if l.f == nil {
		return nil
	}
	return l.become()
}

func (l *starterLog) become() error {
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(l.f.Fd()), fd, 0); err != nil {
			return fmt.Errorf("cannot write to log file %s: %w", l.f.Name(), err)
		}
	}
	return l.f.Close()
}

// start starts the command that reads the log. It ends when nobody can write to it any
// more, and is no worker: the mark keeps it from being taken for one that a dead worker
// left behind. It leads a group of its own, for it is to read what is written after a ^C.
func (l *starterLog) start() error {
	read, write, err := os.Pipe()
	if err == nil {
		defer read.Close()
		var p *os.Process
		p, err = os.StartProcess("/bin/sh", []string{"sh", "-c", l.command}, &os.ProcAttr{
			Env: append(os.Environ(), "HERDER_GENERATION=0"), Files: []*os.File{read, os.Stdout, os.Stderr},
			Sys: &unix.SysProcAttr{Setpgid: true},
		})
		if err == nil {
			l.f = write
			return p.Release() // the herder's reaper buries it
		}
		write.Close()
	}
	return fmt.Errorf("cannot start %q for the log: %w", l.command, err)
}

// reopen opens the file again, after a rotation. What cannot be opened stays as it was.
func (l *starterLog) reopen() {
	if l.path == "" {
		return
	}
	f, err := openAppend(l.path)
	if err == nil {
		l.f = f
		err = l.become()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
