package handoff

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A server that asks for the name of its socket finds the path it is configured with; and the name is kept all the same.
func TestOneNameIsWhatGetsocknameSays(t *testing.T) {
	path := sockPath(t)
	staleT(t, path)
	l := openT(t, path+",onename,mode=0600")
	sa, err := unix.Getsockname(l.FDs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := sa.(*unix.SockaddrUnix).Name; got != path {
		t.Errorf("getsockname says %q, not %q", got, path)
	}
	if fi, err := os.Lstat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
	answeredT(t, l)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if mended, err := l.Repair(); err != nil || len(mended) != 1 {
		t.Errorf("mended %q, %v", mended, err)
	}
	answeredT(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOneNameOfALiveSocketIsRefused(t *testing.T) {
	path := sockPath(t)
	answeredT(t, openT(t, path))
	_, err := Open(context.Background(), Spec{Network: Unix, Address: path, Options: Options{OneName: true}})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a live socket is taken: %v", err)
	}
}
