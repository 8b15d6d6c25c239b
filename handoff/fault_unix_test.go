package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	helpers["trespass"] = helperTrespass
	helpers["l6"] = helperL6
}

// staleT leaves a socket file behind which nobody listens.
func staleT(t testing.TB, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
}

func TestL3StaleUnixPath(t *testing.T) {
	path := sockPath(t)
	staleT(t, path)
	answeredT(t, openT(t, path))
	gram := path + ".d"
	staleT(t, gram)
	openT(t, "unixgram:"+gram)
}

// Many start at once on a stale path: one gets it, and it serves; the others are refused, and leave nothing behind.
func TestL3StaleUnixPathRace(t *testing.T) {
	for range 5 {
		path := sockPath(t)
		staleT(t, path)
		var mu sync.Mutex
		var won []*Listener
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				l, err := Open(context.Background(), Spec{Network: Unix, Address: path})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, l)
				} else if !errors.Is(err, unix.EADDRINUSE) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d got the path", len(won))
		}
		if names := listT(t, filepath.Dir(path)); len(names) != 2 {
			t.Fatalf("left behind: %q", names)
		}
		if err := won[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Between our look and our exchange another got the name: it gets it back.
func TestL3StaleUnixPathQuicker(t *testing.T) {
	path := sockPath(t)
	other, ours := openT(t, path), openT(t, path+".ours")
	d, err := openDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	before := listT(t, d.path)
	n := *ours.names
	n.base = filepath.Base(path)
	done, err := n.exchange(d, &unix.Stat_t{Dev: n.dev, Ino: 1})
	if done || err != nil {
		t.Fatal(done, err)
	}
	if !other.names.has(d, n.base) || !slices.Equal(before, listT(t, d.path)) {
		t.Fatalf("%q", listT(t, d.path))
	}
	answeredT(t, other)
}

func TestL3LeftoversOfTheDead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.sock")
	// A pid above the kernel's highest (PID_MAX_LIMIT) is nobody's; the others must stay.
	staleT(t, dir+"/.app.sock.4194305-7")
	staleT(t, dir+"/.app.sock.1-7")
	staleT(t, dir+"/.other.sock.4194305-7")
	if err := os.WriteFile(dir+"/.app.sock.4194305-8", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := openT(t, path)
	private := l.names.private
	_ = l.Close()
	want := []string{".app.sock.1-7", ".app.sock.4194305-8", ".other.sock.4194305-7"}
	if names := listT(t, dir); !slices.Equal(names, want) {
		t.Fatalf("%q", names)
	}
	// The same pid with the same count, as in a container that was started again.
	n, _ := strconv.ParseUint(private[strings.LastIndexByte(private, '-')+1:], 10, 64)
	next := fmt.Sprintf(".app.sock.%d-%d", os.Getpid(), n+1)
	staleT(t, filepath.Join(dir, next))
	answeredT(t, openT(t, path))
	if slices.Contains(listT(t, dir), next) {
		t.Fatal("the leftover of our own pid stays")
	}
}

func TestL4LiveUnixSocket(t *testing.T) {
	path := sockPath(t)
	c, _ := startT(t, nil, "listen", "unix", path)
	refusedT(t, path, "in use", "pid "+strconv.Itoa(c.cmd.Process.Pid)+" (", "choose another address")
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal("the other's socket was touched:", err)
	}
	_ = conn.Close()
	if names := listT(t, filepath.Dir(path)); !slices.Equal(names, []string{"app.sock"}) {
		t.Fatalf("%q", names)
	}
	// One of another type is alive as well.
	gram := openT(t, "unixgram:"+path+".d")
	refusedT(t, path+".d", "in use")
	_ = gram
	// And one with a full backlog.
	full := openT(t, path+".f,backlog=1")
	for range 2 {
		dialT(t, full)
	}
	refusedT(t, path+".f", "in use")
}

func TestL5NotASocket(t *testing.T) {
	dir := t.TempDir()
	file, sub, link, fifo := dir+"/file", dir+"/sub", dir+"/link", dir+"/fifo"
	live := openT(t, dir+"/live")
	if err := errors.Join(os.WriteFile(file, []byte("keep"), 0o600), os.Mkdir(sub, 0o700), os.Symlink(live.Address(), link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{file: "regular file", sub: "directory", link: "symbolic link", fifo: "fifo"} {
		var before, after unix.Stat_t
		if err := unix.Lstat(path, &before); err != nil {
			t.Fatal(err)
		}
		refusedT(t, path, kind, "not a socket", "never removed")
		if err := unix.Lstat(path, &after); err != nil || after.Ino != before.Ino {
			t.Fatalf("%s was touched: %v", path, err)
		}
	}
	if names := listT(t, dir); len(names) != 6 {
		t.Fatalf("left behind: %q", names)
	}
}

func TestL6Directory(t *testing.T) {
	dir := t.TempDir()
	refusedT(t, dir+"/no/app.sock", "no such file", "mkdir -p "+dir+"/no")
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refusedT(t, dir+"/file/app.sock", "not a directory")
	open, sticky := dir+"/open", dir+"/sticky"
	if err := errors.Join(os.Mkdir(open, 0o700), os.Mkdir(sticky, 0o700), os.Chmod(open, 0o777), os.Chmod(sticky, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	refusedT(t, open+"/app.sock", "anybody may replace", "chmod +t")
	answeredT(t, openT(t, sticky+"/app.sock"))

	foreign := publicDirT(t)
	if err := errors.Join(os.Mkdir(foreign+"/root", 0o755), os.Mkdir(foreign+"/nobody", 0o755), os.Chown(foreign+"/nobody", 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	staleT(t, foreign+"/nobody/stale") // root's, and anybody may find out that it is stale
	if err := os.Chmod(foreign+"/nobody/stale", 0o777); err != nil {
		t.Fatal(err)
	}
	runT(t, "l6", nil, foreign)
}

// helperL6 is a herder without privileges.
func helperL6(args []string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	if err := wantRefused(args[0]+"/root/app.sock", unix.EACCES, "no permission to write in"); err != nil {
		return err
	}
	if err := wantRefused(args[0]+"/nobody/stale", unix.EPERM, "stale socket of uid 0"); err != nil {
		return err
	}
	if err := wantRefused(args[0]+"/nobody/app.sock,owner=0", unix.EPERM, "only root gives files away"); err != nil {
		return err
	}
	l, err := Open(context.Background(), Spec{Network: Unix, Address: args[0] + "/nobody/app.sock"})
	if err != nil {
		return err
	}
	return l.Close()
}

// publicDirT is a directory that other users may enter.
func publicDirT(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "handoff")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestL7LongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "app.sock")
	l := openT(t, long)
	if l.Address() != long {
		t.Fatalf("address %s", l.Address())
	}
	// A client has the same limit, and the same way round it.
	t.Chdir(dir)
	conn, err := net.Dial("unix", "app.sock")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	refusedT(t, long, "in use")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if names := listT(t, dir); len(names) != 0 {
		t.Fatalf("left behind: %q", names)
	}
	// Up to 107 bytes in all the kernel takes it as it is; the private name is longer, and no obstacle.
	short := t.TempDir()
	for _, size := range []int{95, 106, 107, 108} {
		base := strings.Repeat("n", size-len(short)-1)
		l := openT(t, filepath.Join(short, base))
		if size <= maxPath {
			answeredT(t, l)
		}
	}
	if _, err := Open(context.Background(), Spec{Network: Unix, Address: "/tmp/" + strings.Repeat("n", 256)}); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Fatal(err)
	}
}

// Somebody without the right tries to connect to every name that appears, all the time.
func TestL8ModeBeforeName(t *testing.T) {
	dir := publicDirT(t)
	c, _ := startT(t, nil, "trespass", dir)
	for i := range 100 {
		l := openT(t, fmt.Sprintf("%s/%d,mode=0600", dir, i))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// What may be connected to, it finds: so it is awake.
	l := openT(t, dir+"/welcome,mode=0666")
	if got := c.lineT(t); got != "connected to welcome" {
		t.Fatalf("it %s", got)
	}
	_ = l.Close()
}

func helperTrespass(args []string) error {
	if err := becomeNobody(); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		entries, err := os.ReadDir(args[0])
		if err != nil {
			return err
		}
		for _, e := range entries {
			conn, err := net.Dial("unix", filepath.Join(args[0], e.Name()))
			if err != nil {
				continue
			}
			_ = conn.Close()
			if name := strings.TrimPrefix(e.Name(), "."); strings.HasPrefix(name, "welcome") {
				name = "welcome"
				fmt.Println("connected to " + name)
				return nil
			}
			fmt.Println("connected to " + e.Name())
			return nil
		}
	}
}
