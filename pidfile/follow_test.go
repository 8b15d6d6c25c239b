package pidfile

import (
	"os"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience bounds every wait of these tests. It is never used up but by a bug.
const patience = 60 * time.Second

func follow(t *testing.T, paths ...string) *Follower {
	t.Helper()
	f, err := Follow(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *Follower) wait(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got := <-f.C():
			if got == want {
				return
			}
			t.Errorf("told of %s", got)
		case <-deadline:
			t.Fatalf("not told of %s", want)
		}
	}
}

// H8: the pid file is removed or overwritten while its process runs: the one
// who follows it is told, and of nothing else.
func TestH8FollowTells(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/app.pid", dir+"/app.pid"+Old
	last := dir + "/last"
	for name, touch := range map[string]func() error{
		"write":          func() error { return Write(a, 1) },
		"overwrite":      func() error { return os.WriteFile(a, []byte("1"), 0o644) },
		"remove":         func() error { return os.Remove(a) },
		"rename away":    func() error { return os.Rename(a, dir+"/x") },
		"rename over it": func() error { return os.Rename(last+"x", a) },
	} {
		mustWrite(t, a, 7)
		mustWrite(t, b, 8)
		put(t, last+"x", "9\n")
		f := follow(t, a, b, last)
		put(t, dir+"/other", "x")
		if err := touch(); err != nil {
			t.Fatal(name, err)
		}
		f.wait(t, a)
		// Touches of a may come more than once; then that of last, in order.
		put(t, last, "x")
		for got := range f.C() {
			if got == last {
				break
			}
			if got != a {
				t.Errorf("%s: told of %s", name, got)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFollowDirectoryGoes(t *testing.T) {
	dir := t.TempDir() + "/pids"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	given := dir + "/../pids/./app.pid"
	mustWrite(t, given, 7)
	f := follow(t, given)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f.wait(t, given)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	empty := follow(t, given) // there is no file to go before the directory
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	empty.wait(t, given)
	if _, err := Follow(given); err == nil {
		t.Error("follows into nowhere")
	}
	f.Close()
	f.Close()
	for range f.C() { // closed
	}
}

// A thousand touches that nobody takes are one.
func TestFollowCoalesces(t *testing.T) {
	f := Follower{paths: map[string]string{"/p/a": "/p/a", "/p/b": "/p/./b"}}
	var due []string
	for range 1000 {
		due = f.add(due, fsnotify.Event{Name: "/p/b", Op: fsnotify.Write})
		due = f.add(due, fsnotify.Event{Name: "/p/b", Op: fsnotify.Chmod})
		due = f.add(due, fsnotify.Event{Name: "/p/c", Op: fsnotify.Write})
	}
	if len(due) != 1 || due[0] != "/p/./b" {
		t.Errorf("due: %q", due)
	}
	if due = f.add(due, fsnotify.Event{Name: "/p", Op: fsnotify.Remove}); len(due) != 2 {
		t.Errorf("the directory is gone, due: %q", due)
	}
}
