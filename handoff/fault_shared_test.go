package handoff

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { helpers["meddle"] = helperMeddle }

// helperMeddle is a worker that does to its listener, at 3, what workers do.
func helperMeddle(args []string) error {
	switch args[0] {
	case "shutdown":
		return unix.Shutdown(3, unix.SHUT_RDWR)
	case "shutdown-read":
		return unix.Shutdown(3, unix.SHUT_RD)
	case "blocking":
		return unix.SetNonblock(3, false)
	case "nonblocking":
		return unix.SetNonblock(3, true)
	case "listen5":
		return unix.Listen(3, 5)
	case "listen2000":
		return unix.Listen(3, 2000)
	}
	return errors.New("what?")
}

func meddleT(t testing.TB, l *Listener, what string) {
	t.Helper()
	runT(t, "meddle", l.FDs()[:1], what)
}

func watchT(t testing.TB, ls ...*Listener) *Watch {
	t.Helper()
	w, err := NewWatch(ls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// troubleT waits for trouble with l. Others about l may come first: two names can vanish at once.
func troubleT(t testing.TB, w *Watch, l *Listener, what string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case trouble := <-w.C():
			if trouble.Listener != l {
				t.Fatalf("trouble with %s: %s", trouble.Listener.Address(), trouble.What)
			}
			if strings.Contains(trouble.What, what) {
				return
			}
		case <-timeout:
			t.Fatalf("the watch never told of %q", what)
		}
	}
}

func TestW8ListenerShutDown(t *testing.T) {
	for _, text := range []string{"127.0.0.1:0", "[::]:0", "127.0.0.1:0,reuseport=2"} {
		l := openT(t, text)
		address := l.Address()
		w := watchT(t, l)
		for range 2 { // the second time the watch has to be armed again
			meddleT(t, l, "shutdown")
			troubleT(t, w, l, "shut down")
			if queued, backlog, err := l.Queue(); err != nil || queued != 0 || len(l.FDs()) == 1 && backlog != 0 {
				t.Fatal(queued, backlog, err)
			}
			repairT(t, l, "listens again")
			if a, err := addressOf(l.FDs()[0]); err != nil || a != address {
				t.Fatalf("the port changed from %s to %s: %v", address, a, err)
			}
			if len(l.FDs()) == 1 {
				answeredT(t, l)
			}
		}
	}
}

func TestW8UnixListenerShutDown(t *testing.T) {
	for _, what := range []string{"shutdown", "shutdown-read"} {
		path := sockPath(t)
		l := openT(t, path+",mode=0660")
		w := watchT(t, l)
		for range 2 {
			before, fds := l.Inodes(), l.FDs()
			worker, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 3) // a worker that keeps the dead socket
			if err != nil {
				t.Fatal(err)
			}
			meddleT(t, l, what)
			troubleT(t, w, l, "shut down")
			repairT(t, l, "bound anew")
			_ = unix.Close(worker)
			if slices.Equal(before, l.Inodes()) || !slices.Equal(fds, l.FDs()) {
				t.Fatal("inodes must change, and numbers must not")
			}
			answeredT(t, l)
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
				t.Fatal(st, err)
			}
			if names := listT(t, filepath.Dir(path)); len(names) != 2 {
				t.Fatalf("names %q", names)
			}
		}
	}
}

func TestW8AbstractListenerShutDown(t *testing.T) {
	l := openT(t, "unix:@handoff-test-w8")
	meddleT(t, l, "shutdown")
	if _, err := l.Repair(); err == nil || !strings.Contains(err.Error(), "cannot be bound anew") {
		t.Fatal(err)
	}
}

func TestW8FlagsChanged(t *testing.T) {
	nonblocking := func(l *Listener) bool { return hasFlag(t, l.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) }
	l := openT(t, "127.0.0.1:0")
	meddleT(t, l, "nonblocking") // an event loop: the new normal
	repairT(t, l)
	meddleT(t, l, "blocking")
	repairT(t, l, "cleared O_NONBLOCK")
	if !nonblocking(l) {
		t.Fatal("an event loop would freeze")
	}
	repairT(t, l)

	pinned := openT(t, "127.0.0.1:0,blocking")
	meddleT(t, pinned, "nonblocking")
	repairT(t, pinned, "set O_NONBLOCK")
	if nonblocking(pinned) {
		t.Fatal("blocking was asked for")
	}
}

// Trap 1: passing the socket on changes nothing on it.
func TestW8PassingKeepsFlags(t *testing.T) {
	l := openT(t, "127.0.0.1:0,nonblocking")
	meddleT(t, l, "listen2000") // anything: it is passed on
	if !hasFlag(t, l.FDs()[0], unix.F_GETFL, unix.O_NONBLOCK) {
		t.Fatal("the flag was flipped")
	}
}

func TestBacklogPutBack(t *testing.T) {
	path := sockPath(t)
	for _, address := range []string{"127.0.0.1:0", path} {
		l := openT(t, address+",backlog=64")
		for what, was := range map[string]string{"listen5": "backlog 5", "listen2000": "backlog 2000"} {
			meddleT(t, l, what)
			repairT(t, l, was)
			if _, backlog, err := l.Queue(); err != nil || backlog != 64 {
				t.Fatal(backlog, err)
			}
		}
		_ = l.Close()
		// Nobody asked for one: more is welcome, less is mended.
		l = openT(t, address)
		meddleT(t, l, "listen2000")
		repairT(t, l)
		meddleT(t, l, "listen5")
		repairT(t, l, "backlog 5")
	}
}
