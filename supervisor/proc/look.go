package proc

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Look finds the executable argv0 as execvp(3) would in directory dir with this
// PATH, and returns its absolute path. With a slash in it, argv0 is taken
// relative to dir. PATH elements that are empty or not absolute are passed over: they mean
// the working directory, where anybody may have put a file of that name.
// The error is an [*Error] with [ErrMissing], [ErrNotExecutable], [ErrDirectory],
// [ErrFormat] or [ErrInterpreter].
func Look(argv0, dir, path string) (string, error) {
	switch {
	case argv0 == "":
		return "", &Error{Do: "find", What: "the command", Err: ErrMissing, Hint: "its name is empty"}
	case filepath.IsAbs(argv0):
		return lookAt(filepath.Clean(argv0))
	case strings.Contains(argv0, "/"):
		abs, err := filepath.Abs(filepath.Join(dir, argv0))
		if err != nil {
			return "", &Error{Do: "find", What: argv0, Err: err}
		}
		return lookAt(abs)
	}
	return lookIn(argv0, path)
}

// lookIn prefers, like a shell, the error of a file that is there over none.
func lookIn(name, path string) (string, error) {
	var found error
	skipped := false
	for _, d := range filepath.SplitList(path) {
		if !filepath.IsAbs(d) {
			skipped = true
			continue
		}
		abs, err := lookAt(filepath.Join(d, name))
		if err == nil {
			return abs, nil
		}
		if found == nil && !errors.Is(err, ErrMissing) {
			found = err
		}
	}
	if found != nil {
		return "", found
	}
	hint := "it is in no directory of PATH=" + path
	if skipped {
		hint += " (elements that are not absolute are not searched)"
	}
	return "", &Error{Do: "find", What: name, Err: ErrMissing, Hint: hint}
}

func lookAt(abs string) (string, error) {
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR):
		return "", &Error{Do: "find", What: abs, Err: both{ErrMissing, err}, Hint: dangling(abs)}
	case err != nil:
		return "", &Error{Do: "find", What: abs, Err: underlying(err)}
	case info.IsDir():
		return "", &Error{Do: "execute", What: abs, Err: ErrDirectory, Hint: "name the program in it"}
	case !info.Mode().IsRegular():
		return "", &Error{Do: "execute", What: abs, Err: ErrNotExecutable, Hint: "it is not a regular file"}
	case info.Mode()&0o111 == 0:
		return "", &Error{Do: "execute", What: abs, Err: ErrNotExecutable, Hint: "chmod +x it"}
	}
	return abs, lookInto(abs)
}

// elfHeader is the size of the smallest ELF header (elf(5), 32 bit).
const elfHeader = 52

// lookInto finds what execve would refuse the file for, as far as its first
// bytes tell. One that we may not read is left to execve.
func lookInto(abs string) error {
	h, err := readHead(abs)
	if err != nil {
		return nil
	}
	script := bytes.HasPrefix(h, []byte("#!"))
	if !script && (!h.isELF() || len(h) < elfHeader) {
		if moreFormats() {
			return nil
		}
		return &Error{Do: "execute", What: abs, Err: both{ErrFormat, unix.ENOEXEC}, Hint: hintFormat(abs)}
	}
	name := h.interpreter()
	if !filepath.IsAbs(name) || unix.Access(name, unix.F_OK) != unix.ENOENT {
		return nil
	}
	hint, why := interpreter(abs, "is missing", ErrInterpreter, unix.ENOENT)
	return &Error{Do: "execute", What: abs, Err: why, Hint: hint}
}

// moreFormats says whether the administrator has taught the kernel formats
// beside ELF and scripts (binfmt_misc, in the kernel's admin guide).
func moreFormats() bool {
	entries, _ := os.ReadDir("/proc/sys/fs/binfmt_misc")
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "register" && e.Name() != "status" })
}

// dangling names the target of a symlink that leads nowhere: the usual trace of
// a release that was cleaned away.
func dangling(abs string) string {
	target, err := os.Readlink(abs)
	if err != nil {
		return ""
	}
	return "it is a symlink to " + target + ", which does not exist"
}

// underlying drops the *PathError's repetition of call and path.
func underlying(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
