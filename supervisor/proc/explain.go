package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// explain turns the errno of a child's step into words. execve(2) uses one
// errno for several things: ENOENT is a missing file or a missing interpreter, EACCES a
// missing x bit, a directory, or a path not to be searched.
func explain(at step, spec *Spec, errno syscall.Errno) error {
	e := &Error{Do: at.do, What: at.what, Err: errno}
	switch {
	case at.do == "enter directory" && errno == unix.EACCES && spec.User != nil:
		e.Hint = fmt.Sprintf("user %s needs x on it and on all above it", spec.User)
	case at.do == "execute":
		path := spec.Path
		if !filepath.IsAbs(path) && spec.Dir != "" {
			path = filepath.Join(spec.Dir, path)
		}
		e.Hint, e.Err = explainExec(path, spec, errno)
	case errno == unix.EPERM:
		e.Hint = "this needs privilege (root)"
	case errno == unix.EAGAIN && at.do == "become user":
		e.Hint = "the user has reached its limit on processes"
	}
	return e
}

// explainExec returns what to do next, and why execve failed.
func explainExec(path string, spec *Spec, errno syscall.Errno) (hint string, why error) {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		if _, err := os.Stat(path); err != nil {
			return "", both{ErrMissing, errno}
		}
		return interpreter(path, "is missing", ErrInterpreter, errno)
	case unix.EACCES, unix.EPERM:
		return explainAccess(path, spec, errno)
	case unix.ENOEXEC:
		return hintFormat(path), both{ErrFormat, errno}
	case unix.ELIBBAD:
		return interpreter(path, "is not one this machine can run", ErrFormat, errno)
	case unix.ETXTBSY:
		return "it is still being copied; write a new file and rename it into place", both{ErrBusy, errno}
	case unix.E2BIG:
		return "arguments and environment are too long together (ARG_MAX)", errno
	case unix.EAGAIN:
		return "the user has reached its limit on processes (ulimit -u)", errno
	}
	return "", errno
}

func explainAccess(path string, spec *Spec, errno syscall.Errno) (hint string, why error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "a directory above it may not be searched", errno
	case info.IsDir():
		return "name the program in it", both{ErrDirectory, errno}
	case !info.Mode().IsRegular():
		return "it is not a regular file", both{ErrNotExecutable, errno}
	case info.Mode()&0o111 == 0:
		return "chmod +x it", both{ErrNotExecutable, errno}
	case !interpreterRuns(path):
		return interpreter(path, "is not executable", ErrInterpreter, errno)
	case spec.User != nil:
		return fmt.Sprintf("user %s must be able to execute it and to search every directory above it", spec.User), errno
	}
	return "is its file system mounted noexec?", errno
}

// interpreter names the program named by the first line, or by the ELF header.
func interpreter(path, is string, sentinel, errno error) (hint string, why error) {
	name := interpreterOf(path)
	hint = "install it, or correct what names it"
	if strings.HasSuffix(name, "\r") {
		hint = "the file has Windows line ends"
	}
	if name == "" {
		return "", both{sentinel, errno}
	}
	return hint, both{fmt.Errorf("interpreter %s %s", strings.Trim(strconv.Quote(name), `"`), is), both{sentinel, errno}}
}

func interpreterRuns(path string) bool {
	name := interpreterOf(path)
	return name == "" || unix.Access(name, unix.X_OK) == nil
}

func interpreterOf(path string) string {
	h, err := readHead(path)
	if err != nil {
		return ""
	}
	return h.interpreter()
}

// headSize holds any first line the kernel reads (256 bytes, BINPRM_BUF_SIZE)
// and the ELF program headers with the interpreter's path, which linkers put first.
const headSize = 4096

func readHead(path string) (head, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a fifo must not hold us up
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, headSize)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:n], err
}

func hintFormat(path string) string {
	h, err := readHead(path)
	switch {
	case err != nil:
		return ""
	case len(h) == 0:
		return "the file is empty"
	case h.isELF() && h.machine() != elfMachine:
		return fmt.Sprintf("it is built for another machine (ELF machine %d, this one is %d)", h.machine(), elfMachine)
	case h.isELF():
		return "the ELF file is damaged or cut short"
	case h.isText():
		return "it is text without a #! line; add one, or name the interpreter as the command"
	}
	return "it is neither an ELF file nor a script with a #! line; is it damaged or cut short?"
}
