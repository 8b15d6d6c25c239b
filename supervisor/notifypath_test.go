package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/ready"
)

func TestNotifyPath(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		dir = config.RuntimeBase() // where another user comes in
	}
	one, other := notifyPath(&config.Config{RuntimeDir: dir}), notifyPath(&config.Config{RuntimeDir: dir})
	if one == other || !strings.HasPrefix(one, dir+"/"+notifyName) {
		t.Errorf("%q, and then %q", one, other)
	}
	if os.Geteuid() == 0 {
		return
	}
	for _, dir := range []string{filepath.Join(dir, "gone"), filepath.Join(dir, strings.Repeat("long", 30))} {
		if path := notifyPath(&config.Config{RuntimeDir: dir}); path != "" {
			t.Errorf("%q cannot be bound", path)
		}
	}
}

// Of what lies there only the socket of a herd that was killed goes.
func TestSweepNotify(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	live, err := ready.ListenNotify(path(notifyName + "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, name := range []string{notifyName + "2", "control.sock"} {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path(name)}); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	if err := os.WriteFile(path(notifyName+"3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	sweepNotify(dir, path("gone"))
	got, _ := filepath.Glob(path("*"))
	more, _ := filepath.Glob(path(".*"))
	got = append(got, more...)
	slices.Sort(got)
	want := []string{path(notifyName + "1"), path(notifyName + "3"), path("control.sock")}
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}
