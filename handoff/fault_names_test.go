package handoff

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestL9UnixNameVanishes(t *testing.T) {
	path := sockPath(t)
	dir := filepath.Dir(path)
	l := openT(t, path)
	before := l.Inodes()
	w := watchT(t, l)

	remove(t, path)
	troubleT(t, w, l, "public name")
	repairT(t, l, "public name")
	answeredT(t, l)

	remove(t, filepath.Join(dir, l.names.private)) // what a program does that unlinks the path of getsockname(2)
	troubleT(t, w, l, "private name")
	repairT(t, l, "private name")
	remove(t, path)
	troubleT(t, w, l, "public name")
	repairT(t, l, "public name")
	answeredT(t, l)
	if !slices.Equal(before, l.Inodes()) {
		t.Fatal("the socket changed")
	}

	// The whole directory goes, and comes back.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	troubleT(t, w, l, "")
	if _, err := l.Repair(); err == nil || !strings.Contains(err.Error(), "mkdir -p") {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	repairT(t, l, "bound anew")
	if slices.Equal(before, l.Inodes()) {
		t.Fatal("the new socket is not told")
	}
	answeredT(t, l)

	// Somebody else takes the name: it is theirs, and we say so.
	remove(t, path)
	c, _ := startT(t, nil, "listen", "unix", path)
	if _, err := l.Repair(); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "pid "+strconv.Itoa(c.cmd.Process.Pid)) {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
