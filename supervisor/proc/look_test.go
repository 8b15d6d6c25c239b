package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bench has an executable, a plain file, a directory, a fifo-less device and a broken link.
func lookFixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"bin", "early", "late", "late/adir"} {
		check(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	for name, mode := range map[string]os.FileMode{"bin/app": 0o755, "early/tool": 0o644, "late/tool": 0o755, "early/plain": 0o644, "here": 0o755} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode))
	}
	check(t, os.Symlink("/releases/7/app", filepath.Join(dir, "bin/link")))
	return dir
}

func TestLook(t *testing.T) {
	dir := lookFixture(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	path := strings.Join([]string{"", ".", "rel", in("early"), in("late"), in("bin")}, ":")
	for argv0, want := range map[string]string{
		"app": in("bin/app"), "bin/app": in("bin/app"), "./bin/../bin/app": in("bin/app"), in("bin/app"): in("bin/app"),
		"tool": in("late/tool"), // the first one may not be executed, as for execvp
		"sh":   "", "here": "",  // in the directory, not in PATH
	} {
		got, err := Look(argv0, dir, path)
		if want == "" {
			if !errors.Is(err, ErrMissing) || ExitCode(err) != 127 || !strings.Contains(err.Error(), "not absolute") {
				t.Errorf("%s: %q, %v", argv0, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%s: %q, %v; want %s", argv0, got, err, want)
		}
	}
}

func TestB1LookErrors(t *testing.T) {
	dir := lookFixture(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{"text": "hello\n", "cut": "\x7fELF", "lost": "#!/nope\n"} {
		check(t, os.WriteFile(in(name), []byte(content), 0o755))
	}
	for _, c := range []struct {
		argv0 string
		is    error
		code  int
		says  string
	}{
		{"", ErrMissing, 127, "its name is empty"},
		{"nope", ErrMissing, 127, "it is in no directory of PATH=" + in("early")},
		{"bin/nope", ErrMissing, 127, "cannot find " + in("bin/nope")},
		{"here/below", ErrMissing, 127, "no such file"},
		{"bin/link", ErrMissing, 127, "it is a symlink to /releases/7/app, which does not exist"},
		{"plain", ErrNotExecutable, 126, "chmod +x it"},
		{"early/plain", ErrNotExecutable, 126, "chmod +x it"},
		{"adir", ErrDirectory, 126, "is a directory"},
		{"bin", ErrMissing, 127, "PATH"},
		{"./bin", ErrDirectory, 126, "is a directory"},
		{os.DevNull, ErrNotExecutable, 126, "not a regular file"},
		{"./text", ErrFormat, 126, "without a #! line"},
		{"./cut", ErrFormat, 126, "not in a format"},
		{"./lost", ErrInterpreter, 126, "interpreter /nope is missing"},
	} {
		got, err := Look(c.argv0, dir, in("early")+":"+in("late"))
		if !errors.Is(err, c.is) || ExitCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %q, %v (code %d); want %v, %q", c.argv0, got, err, ExitCode(err), c.is, c.says)
		}
	}
}

func TestH9PathHijack(t *testing.T) {
	dir := lookFixture(t)
	t.Chdir(dir)
	for _, path := range []string{"", ".", ":", "bin", "./bin", "bin:.", "../" + filepath.Base(dir)} {
		for _, name := range []string{"here", "app"} {
			if got, err := Look(name, dir, path); err == nil {
				t.Errorf("PATH=%q: %s found in the working directory: %s", path, name, got)
			}
		}
	}
	if got, err := Look("./here", "", ""); err != nil || !filepath.IsAbs(got) {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzHead(f *testing.F) {
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:min(len(b), headSize)])
	f.Add([]byte("#! /usr/bin/env python\n"))
	f.Add([]byte("\x7fELF\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h := head(b)
		if name := h.interpreter(); len(name) > len(b) {
			t.Fatalf("%q is not in the file", name)
		}
		_, _ = h.machine(), h.isText()
	})
}
