package handoff

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Neither connections nor what happens to other files wakes the watch; what is left is exactly the trouble.
func TestWatchSleeps(t *testing.T) {
	path := sockPath(t)
	l := openT(t, path)
	tcp := openT(t, "127.0.0.1:0")
	w := watchT(t, l, tcp)
	for range 50 {
		answeredT(t, l)
		answeredT(t, tcp)
	}
	log := filepath.Join(filepath.Dir(path), "app.log")
	for range 50 {
		if err := os.WriteFile(log, []byte("line\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	meddleT(t, tcp, "shutdown")
	troubleT(t, w, tcp, "shut down")
	if n := w.wakes.Load(); n != 1 {
		t.Fatalf("it woke %d times for one trouble", n)
	}
}

func TestWatchComesAndGoes(t *testing.T) {
	path := sockPath(t)
	a, b := openT(t, path), openT(t, path+".b")
	w := watchT(t)
	for _, l := range []*Listener{a, b} {
		if err := w.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	w.Remove(a)
	remove(t, path)
	meddleT(t, a, "shutdown")
	abstract := openT(t, "unix:@handoff-test-watch")
	if err := w.Add(abstract); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Seal(), abstract.Seal()); err != nil { // our own doing is no trouble
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(b); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	c := openT(t, path+".c")
	if err := w.Add(c); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice, so that what came with the first is told as well: none of a, b and abstract
		remove(t, path+".c")
		troubleT(t, w, c, "public name")
		repairT(t, c, "public name")
	}
}

// Nobody has to read C, also not for Close.
func TestWatchUnread(t *testing.T) {
	path := sockPath(t)
	l := openT(t, path)
	w, err := NewWatch([]*Listener{l})
	if err != nil {
		t.Fatal(err)
	}
	remove(t, path)
	meddleT(t, l, "shutdown")
	w.Close()
}
