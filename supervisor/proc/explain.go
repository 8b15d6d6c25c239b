package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		e.Err, e.Hint = explainExec(path, spec, errno)
	case errno == unix.EPERM:
		e.Hint = "this needs privilege (root)"
	case errno == unix.EAGAIN && at.do == "become user":
		e.Hint = "the user has reached its limit on processes"
	}
	return e
}

func explainExec(path string, spec *Spec, errno syscall.Errno) (error, string) {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		if _, err := os.Stat(path); err != nil {
			return both{ErrMissing, errno}, ""
		}
		return interpreter(path, "is missing", ErrInterpreter, errno)
	case unix.EACCES, unix.EPERM:
		return explainAccess(path, spec, errno)
	case unix.ENOEXEC:
		return both{ErrFormat, errno}, hintFormat(path)
	case unix.ELIBBAD:
		return interpreter(path, "is not one this machine can run", ErrFormat, errno)
	case unix.ETXTBSY:
		return both{ErrBusy, errno}, "it is still being copied; write a new file and rename it into place"
	case unix.E2BIG:
		return errno, "arguments and environment are too long together (ARG_MAX)"
	case unix.EAGAIN:
		return errno, "the user has reached its limit on processes (ulimit -u)"
	}
	return errno, ""
}

func explainAccess(path string, spec *Spec, errno syscall.Errno) (error, string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return errno, "a directory above it may not be searched"
	case info.IsDir():
		return both{ErrDirectory, errno}, "name the program in it"
	case !info.Mode().IsRegular():
		return both{ErrNotExecutable, errno}, "it is not a regular file"
	case info.Mode()&0o111 == 0:
		return both{ErrNotExecutable, errno}, "chmod +x it"
	case readHead(path).interpreter() != "" && unix.Access(readHead(path).interpreter(), unix.X_OK) != nil:
		return interpreter(path, "is not executable", ErrInterpreter, errno)
	case spec.User != nil:
		return errno, fmt.Sprintf("user %s must be able to execute it and to search every directory above it", spec.User)
	}
	return errno, "is its file system mounted noexec?"
}

// interpreter names the program named by the first line, or by the ELF header.
func interpreter(path, is string, sentinel, errno error) (error, string) {
	name := readHead(path).interpreter()
	if name == "" {
		return both{sentinel, errno}, ""
	}
	return both{fmt.Errorf("interpreter %s %s", name, is), both{sentinel, errno}}, "install it, or correct what names it"
}

// headSize holds any first line the kernel reads (256 bytes, BINPRM_BUF_SIZE)
// and the ELF program headers with the interpreter's path, which linkers put first.
const headSize = 4096

func readHead(path string) head {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, headSize)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return b[:n]
}

func hintFormat(path string) string {
	h := readHead(path)
	switch {
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
