package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestK7SquattedPaths(t *testing.T) {
	squats := map[string]func(path string) error{
		"regular file": func(p string) error { return os.WriteFile(p, []byte("mine"), 0o600) },
		"directory":    func(p string) error { return os.Mkdir(p, 0o700) },
		"fifo":         func(p string) error { return unix.Mkfifo(p, 0o600) },
		"symlink":      func(p string) error { return os.Symlink("/dev/null", p) },
	}
	if os.Geteuid() == 0 {
		squats["socket of another user"] = func(p string) error {
			return errors.Join(deadSocket(p), os.Lchown(p, nobody, nobody))
		}
	}
	for name, squat := range squats {
		path := socketPath(t)
		if err := errors.Join(MakeDir(filepath.Dir(path)), squat(path)); err != nil {
			t.Fatal(name, err)
		}
		before, _ := os.Lstat(path)
		s, err := Serve(path, echo)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "left alone") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is not there any more: %v", name, err)
		}
	}
}

func TestK7DirectoryIsNotOurs(t *testing.T) {
	mine := func(p string) error { return os.Mkdir(p, 0o700) }
	bad := map[string]func(dir string) error{
		"open to others":     func(d string) error { return errors.Join(mine(d), os.Chmod(d, 0o750)) },
		"a file":             func(d string) error { return os.WriteFile(d, nil, 0o700) },
		"a symlink":          func(d string) error { return errors.Join(mine(d+"2"), os.Symlink(d+"2", d)) },
		"replaceable":        func(d string) error { return errors.Join(mine(d), os.Chmod(filepath.Dir(d), 0o777)) },
		"below a file":       func(d string) error { return os.Symlink("/dev/null/x", d) },
		"a dangling symlink": func(d string) error { return os.Symlink(d+"nowhere", d) },
	}
	if os.Geteuid() == 0 {
		bad["below another user's"] = func(d string) error { return errors.Join(mine(d), os.Chown(filepath.Dir(d), nobody, nobody)) }
		bad["of another user"] = func(d string) error { return errors.Join(mine(d), os.Chown(d, nobody, nobody)) }
	}
	for name, make := range bad {
		path := socketPath(t)
		if err := make(filepath.Dir(path)); err != nil {
			t.Fatal(name, err)
		}
		s, err := Serve(path, echo)
		if err == nil {
			s.Close()
			t.Errorf("%s: served", name)
			continue
		}
		if !strings.Contains(err.Error(), filepath.Dir(path)) {
			t.Errorf("%s: the error does not name the directory: %v", name, err)
		}
	}
}

func TestK7ModesDoNotDependOnTheUmask(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	s := start(t, echo, small())
	for path, want := range map[string]fs.FileMode{
		s.Path():               fs.ModeSocket | 0o600,
		filepath.Dir(s.Path()): fs.ModeDir | 0o700,
	} {
		if fi, err := os.Lstat(path); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
}
