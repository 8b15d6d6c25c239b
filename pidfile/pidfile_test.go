package pidfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mustWrite(t *testing.T, path string, pid int) {
	t.Helper()
	if err := Write(path, pid); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string, want int) {
	t.Helper()
	if pid, err := Read(path); pid != want || err != nil {
		t.Errorf("Read(%s) = %d, %v, want %d", filepath.Base(path), pid, err, want)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// onlyFiles fails when anything else is left in the directory.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("in the directory: %v, want %v", got, want)
	}
}

func TestRead(t *testing.T) {
	path := t.TempDir() + "/app.pid"
	for text, want := range map[string]int{
		"1": 1, "1234\n": 1234, "1234\r\n": 1234, "1234  \n": 1234, "4194304": MaxPID, "12\nlstart 99\n": 12,
		"0": 0, "-1": 0, "+1": 0, "0x10": 0, "007": 0, "1 2": 0, "4194305": 0, "abc": 0, "\n12": 0, " 12": 0,
		"99999999999999999999": 0, "\x00\x00": 0, "1" + strings.Repeat("0", 1<<20): 0,
	} {
		put(t, path, text)
		pid, err := Read(path)
		if pid != want || (err == nil) != (want > 0) {
			t.Errorf("%.30q: %d, %v", text, pid, err)
		}
	}
	for _, text := range []string{"", "\n", " \n\n"} {
		put(t, path, text)
		if _, err := Read(path); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", text, err)
		}
	}
	os.Remove(path)
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func FuzzParsePidfile(f *testing.F) {
	for _, s := range []string{"1234\n", "", "-1", "4194305", "12 \r\nmore"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		pid, err := parse(b)
		if (err == nil) != (pid > 0) || pid < 0 || pid > MaxPID {
			t.Fatalf("parse(%q) = %d, %v", b, pid, err)
		}
	})
}

func TestWriteAndRemove(t *testing.T) {
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	dir := t.TempDir()
	path := dir + "/app.pid"
	mustWrite(t, path, 1)
	mustWrite(t, path, 1234)
	mustRead(t, path, 1234)
	if b, err := os.ReadFile(path); string(b) != "1234\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o644 {
		t.Error(st.Mode(), err)
	}
	if err := Remove(path, 99); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	onlyFiles(t, dir, "app.pid")
	for range 2 {
		if err := Remove(path, 1234); err != nil {
			t.Error(err)
		}
		onlyFiles(t, dir)
	}
	for _, pid := range []int{0, -1, MaxPID + 1} {
		if err := Write(path, pid); err == nil {
			t.Errorf("wrote %d", pid)
		}
	}
	for _, bad := range []string{"", dir + "/", dir + "/..", ".", dir + "/a\x00b", dir + "/none/app.pid"} {
		if err := Write(bad, 1); err == nil {
			t.Errorf("wrote %q", bad)
		}
	}
	onlyFiles(t, dir)
}

// planted is each thing that must not be written through, replaced or removed.
func planted(t *testing.T, dir string) map[string]string {
	t.Helper()
	victim := dir + "/victim"
	put(t, victim, "1\n")
	paths := map[string]string{}
	for name, plant := range map[string]func(path string) error{
		"symbolic link":   func(p string) error { return os.Symlink(victim, p) },
		"dangling link":   func(p string) error { return os.Symlink(dir+"/nothing", p) },
		"hard link":       func(p string) error { return os.Link(victim, p) },
		"fifo":            func(p string) error { return unix.Mkfifo(p, 0o666) },
		"directory":       func(p string) error { return os.Mkdir(p, 0o777) },
		"socket":          func(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o666, 0) },
		"link to the dir": func(p string) error { return os.Symlink(dir, p) },
	} {
		paths[name] = filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := plant(paths[name]); err != nil {
			t.Fatal(name, err)
		}
	}
	return paths
}

// H6: the pid file's path is a symbolic link, a hard link, a fifo, a directory,
// or in a directory that everybody can write.
func TestH6PlantedPath(t *testing.T) {
	dir := t.TempDir()
	good := dir + "/good"
	mustWrite(t, good, 7)
	for name, path := range planted(t, dir) {
		t.Run(name, func(t *testing.T) {
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := Write(path, 5); !errors.Is(err, ErrRefused) {
				t.Errorf("Write: %v", err)
			}
			if _, err := Lock(path); !errors.Is(err, ErrRefused) {
				t.Errorf("Lock: %v", err)
			}
			if err := Link(good, path); !errors.Is(err, ErrRefused) {
				t.Errorf("Link to it: %v", err)
			}
			if name != "hard link" { // reads as the file it is
				if _, err := Read(path); !errors.Is(err, ErrRefused) {
					t.Errorf("Read: %v", err)
				}
				if err := Remove(path, 1); !errors.Is(err, ErrRefused) {
					t.Errorf("Remove: %v", err)
				}
				if err := Link(path, dir+"/second"); !errors.Is(err, ErrRefused) {
					t.Errorf("Link of it: %v", err)
				}
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
	mustRead(t, dir+"/victim", 1)
	if _, err := os.Lstat(dir + "/nothing"); err == nil {
		t.Error("written through the dangling link")
	}
}

func TestH6SharedDirectory(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/app.pid"
	mode := func(m os.FileMode) {
		if err := os.Chmod(dir, m); err != nil {
			t.Fatal(err)
		}
	}
	mustWrite(t, path, 1)
	mode(0o777)
	if err := Write(path, 2); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "sticky") {
		t.Errorf("world-writable without the sticky bit: %v", err)
	}
	mode(0o777 | os.ModeSticky)
	mustWrite(t, path, 3) // as /tmp: nobody else can replace ours
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, 4); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "user 65534") {
			t.Errorf("another user's file: %v", err)
		}
		if _, err := Lock(path); !errors.Is(err, ErrRefused) {
			t.Errorf("another user's file: %v", err)
		}
		mustRead(t, path, 3)
		mode(0o755) // only root could have put it there
		mustWrite(t, path, 5)
	}
}

func TestLink(t *testing.T) {
	dir := t.TempDir()
	path, old := dir+"/app.pid", dir+"/app.pid"+Old
	if err := Link(path, old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing to keep: %v", err)
	}
	mustWrite(t, path, 7)
	for range 2 { // the second changes nothing
		if err := Link(path, old); err != nil {
			t.Fatal(err)
		}
		mustRead(t, path, 7)
		mustRead(t, old, 7)
		onlyFiles(t, dir, "app.pid", "app.pid.oldbin")
	}
	mustWrite(t, path, 8)
	mustRead(t, old, 7)
	// Roll back.
	if err := Link(old, path); err != nil {
		t.Fatal(err)
	}
	if err := Remove(old, 7); err != nil {
		t.Fatal(err)
	}
	mustRead(t, path, 7)
	onlyFiles(t, dir, "app.pid")
	put(t, path, "garbage")
	if err := Link(path, old); err == nil {
		t.Error("kept garbage")
	}
	onlyFiles(t, dir, "app.pid")
}

// However often a reader looks while generations follow each other, the file is
// there and whole.
func TestLinkNeverVanishes(t *testing.T) {
	path := t.TempDir() + "/app.pid"
	mustWrite(t, path, 1)
	done := make(chan struct{})
	ended := make(chan error)
	go func() {
		for {
			select {
			case <-done:
				ended <- nil
				return
			default:
			}
			if _, err := Read(path); err != nil {
				ended <- err
				return
			}
		}
	}()
	for pid := 2; pid < 300; pid++ {
		err := errors.Join(Link(path, path+Old), Write(path, pid), Remove(path+Old, pid-1))
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// U11: .oldbin exists already: left behind, of an innocent process, or a link.
func TestU11OldbinExists(t *testing.T) {
	innocent := exec.Command("sleep", "600")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if innocent.Process.Kill(); innocent.Wait() == nil {
			t.Error("it ended by itself?")
		}
	}()
	dir := t.TempDir()
	path := dir + "/app.pid"
	mustWrite(t, path, 7)
	// The number in it is not looked at, and nobody is told anything.
	mustWrite(t, path+Old, innocent.Process.Pid)
	if err := Link(path, path+Old); err != nil {
		t.Fatal(err)
	}
	mustRead(t, path+Old, 7)
	if err := Remove(path+Old, innocent.Process.Pid); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if err := innocent.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the innocent process: %v", err)
	}
	os.Remove(path + Old)
	put(t, dir+"/victim", "precious")
	if err := os.Symlink(dir+"/victim", path+Old); err != nil {
		t.Fatal(err)
	}
	if err := Link(path, path+Old); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if b, _ := os.ReadFile(dir + "/victim"); string(b) != "precious" {
		t.Errorf("the victim reads %q", b)
	}
	mustRead(t, path, 7)
	onlyFiles(t, dir, "app.pid", "app.pid.oldbin", "victim")
}
