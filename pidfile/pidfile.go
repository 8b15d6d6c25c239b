package pidfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxPID is the highest pid that Linux gives: PID_MAX_LIMIT, see proc(5),
// pid_max.
const MaxPID = 1 << 22

// maxFile bounds what is read of a pid file. Some programs put more behind the
// first line; none puts much before it.
const maxFile = 128

// Old is what servers append to the name of the pid file for the one to be
// replaced. The two may be one file with two names for a while.
const Old = ".oldbin"

var (
	// ErrRefused says that what stands at the path is not a pid file of ours.
	ErrRefused = errors.New("refused")
	// ErrEmpty says that the file is empty: some programs write theirs in two
	// steps, so look again when it is touched.
	ErrEmpty = errors.New("the file is empty")
	// ErrForeign says that the file names another process.
	ErrForeign = errors.New("it names another process")
)

// Read returns the pid in the file: the number on its first line. The file is
// opened without following a symbolic link as its last component, and without
// waiting.
func Read(path string) (int, error) {
	pid, err := read(path)
	if err != nil {
		return 0, fmt.Errorf("cannot read pid file %s: %w", path, err)
	}
	return pid, nil
}

func read(path string) (int, error) {
	d, err := openDir(path)
	if err != nil {
		return 0, err
	}
	defer d.close()
	f, err := d.open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return readFrom(f)
}

func readFrom(f *os.File) (int, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxFile))
	if err != nil {
		return 0, underlying(err)
	}
	return parse(b)
}

func parse(b []byte) (int, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	text := strings.TrimRight(string(line), " \t\r")
	if len(bytes.TrimSpace(b)) == 0 {
		return 0, ErrEmpty
	}
	// No sign, no leading zeros: what a program prints with %d.
	pid, err := strconv.ParseUint(text, 10, 32)
	if err != nil || pid == 0 || pid > MaxPID || text[0] == '0' {
		return 0, fmt.Errorf("%.20q is not a pid", text)
	}
	return int(pid), nil
}

// Write makes the file name pid, whole and at once, readable by all. On any
// error what was there before is still there.
func Write(path string, pid int) error {
	if err := write(path, pid); err != nil {
		return fmt.Errorf("cannot write pid file %s: %w", path, err)
	}
	return nil
}

func write(path string, pid int) error {
	if pid <= 0 || pid > MaxPID {
		return fmt.Errorf("%d is not a pid", pid)
	}
	d, err := openDir(path)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.mayReplace(); err != nil {
		return err
	}
	f, err := d.create(pid)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.rename(f.Name(), d.base)
}

// Link gives the pid file at path a second name, usually path+[Old], and
// replaces what that named. path itself stays as it is, so at no moment is there
// no pid file. It works on a full disk.
//
// The same brings the old one back: Link(path+Old, path), then Remove.
func Link(path, second string) error {
	if err := link(path, second); err != nil {
		return fmt.Errorf("cannot keep pid file %s as %s: %w", path, second, err)
	}
	return nil
}

func link(path, second string) error {
	from, err := openDir(path)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := openDir(second)
	if err != nil {
		return err
	}
	defer to.close()
	f, err := from.open() // refuses what is no regular file
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := readFrom(f); err != nil {
		return err
	}
	if err := to.mayReplace(); err != nil {
		return err
	}
	name := to.tempName()
	if err := unix.Linkat(from.fd, from.base, to.fd, name, 0); err != nil {
		return err
	}
	return to.rename(name, to.base)
}

// Remove removes the file if it names pid. A file that is not there is no error;
// one that names another process stays and is [ErrForeign].
func Remove(path string, pid int) error {
	err := remove(path, pid)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("cannot remove pid file %s: %w", path, err)
	}
	return nil
}

func remove(path string, pid int) error {
	d, err := openDir(path)
	if err != nil {
		return err
	}
	defer d.close()
	f, err := d.open()
	if err != nil {
		return err
	}
	defer f.Close()
	named, err := readFrom(f)
	if err != nil {
		return err
	}
	if named != pid {
		return fmt.Errorf("%w (%d, not %d)", ErrForeign, named, pid)
	}
	if !d.names(f) {
		return ErrForeign // replaced a moment ago
	}
	return unix.Unlinkat(d.fd, d.base, 0)
}

// underlying takes an os.PathError's path away: the caller says it better.
func underlying(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
