package proc

import (
	"errors"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFamilyLeavesTheDeadOut(t *testing.T) {
	fs := fixture(t, map[int]int{10: 1, 11: 10, 12: 11}, true)
	check(t, os.WriteFile(fs.path(11, "stat"), []byte("11 (x) Z 10 7 8 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1011 0 0 1 2 3 4 0\n"), 0o644))
	family, err := fs.Family(Ref{10, 1010})
	check(t, err)
	var pids []int
	for _, st := range family {
		pids = append(pids, st.PID)
	}
	if !slices.Equal(pids, []int{10, 12}) {
		t.Errorf("family of 10: %v", pids)
	}
	if _, err := fs.Family(Ref{10, 1}); !errors.Is(err, ErrGone) {
		t.Errorf("another process: %v", err)
	}
}

func TestDispositionsOfOurselves(t *testing.T) {
	signal.Ignore(unix.SIGWINCH)
	defer func() { // what is ignored our children inherit, and signal.Reset alone leaves it ignored
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGWINCH)
		signal.Stop(c)
	}()
	d, err := Proc.Dispositions(os.Getpid())
	check(t, err)
	// The Go runtime has a handler for TERM whether the program wants one or not.
	if !d.Catches(unix.SIGTERM) || d.Ignores(unix.SIGTERM) || d.Catches(unix.SIGWINCH) || !d.Ignores(unix.SIGWINCH) || d.Catches(unix.SIGKILL) {
		t.Errorf("%+v", d)
	}
}

func TestExecutable(t *testing.T) {
	want, err := os.Executable()
	check(t, err)
	if got, err := Proc.Executable(os.Getpid()); err != nil || got != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	if _, err := FS(t.TempDir()).Executable(5); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

func TestOpenLimit(t *testing.T) {
	var want unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &want))
	got, err := Proc.OpenLimit(os.Getpid())
	check(t, err)
	if got != want.Cur {
		t.Errorf("%d, want %d", got, want.Cur)
	}
	fs := FS(t.TempDir())
	check(t, os.Mkdir(fs.path(5, ""), 0o755))
	for line, want := range map[string]uint64{
		"Max open files            256                  4096                 files     \n":   256,
		"Max open files            unlimited            unlimited            files     \n":   Unlimited,
		"Max cpu time              7 8 s\nMax open files            9            9 files \n": 9,
	} {
		check(t, os.WriteFile(fs.path(5, "limits"), []byte(line), 0o644))
		if got, err := fs.OpenLimit(5); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", line, got, err, want)
		}
	}
	check(t, os.WriteFile(fs.path(5, "limits"), nil, 0o644))
	if _, err := fs.OpenLimit(5); err == nil {
		t.Error("an empty file has a limit in it")
	}
}

func TestSocketsAndListeningOfOurselves(t *testing.T) {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer tcp.Close()
	path := filepath.Join(t.TempDir(), "a b.sock")
	local, err := net.Listen("unix", path)
	check(t, err)
	defer local.Close()
	conn, err := net.Dial("tcp4", tcp.Addr().String())
	check(t, err)
	defer conn.Close()
	all, err := Proc.Listening(os.Getpid())
	check(t, err)
	ours, descriptors, err := Proc.Sockets(os.Getpid())
	check(t, err)
	found := map[string]bool{}
	for _, ino := range ours {
		if address, ok := all[ino]; ok {
			found[address] = true
		}
	}
	want := map[string]bool{tcp.Addr().String(): true, "unix:" + path: true}
	if !maps.Equal(found, want) || len(ours) < 3 || descriptors <= len(ours) {
		t.Errorf("%v of %d descriptors, want %v", found, descriptors, want)
	}
}

func TestHexAddress(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90": "127.0.0.1:8080", "00000000000000000000000001000000:0050": "[::1]:80",
		"00000000000000000000000000000000:0050": "[::]:80", "0000000000000000FFFF00000100007F:0001": "127.0.0.1:1",
		"": "", "0100007F": "", "0100:1": "", "zz00007F:1": "",
	} {
		if got := hexAddress(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestListeningStopsAtTheFirstConnection(t *testing.T) {
	fs := FS(t.TempDir())
	check(t, os.MkdirAll(fs.path(5, "net"), 0o755))
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:8888 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 0100007F:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
garbage
`
	check(t, os.WriteFile(fs.path(5, "net/tcp"), []byte(table), 0o644))
	check(t, os.WriteFile(fs.path(5, "net/unix"), []byte("Num RefCount Protocol Flags Type St Inode Path\n"+
		"0: 00000002 00000000 00010000 0001 01 444 @a b\n0: 00000002 00000000 00000000 0001 01 555 /quiet\n"), 0o644))
	got, err := fs.Listening(5)
	check(t, err)
	if want := map[uint64]string{111: "127.0.0.1:80", 444: "unix:@a b"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// How long a process has run is in its first word; who has not had its turn yet has run for nothing.
func TestRan(t *testing.T) {
	before, err := Proc.Ran(os.Getpid())
	check(t, err)
	if ran, err := Proc.Ran(os.Getpid()); err != nil || ran < before {
		t.Errorf("%v, then %v, %v", before, ran, err)
	}
	fs := FS(t.TempDir())
	for pid, row := range map[int]struct {
		text string
		want time.Duration
		bad  bool
	}{
		1: {"3480123 780 5\n", 3480123, false}, 2: {"0 0 0\n", 0, false}, 3: {"\n", 0, true}, 4: {"x 0 0\n", 0, true},
	} {
		check(t, os.Mkdir(fs.path(pid, ""), 0o755))
		check(t, os.WriteFile(fs.path(pid, "schedstat"), []byte(row.text), 0o644))
		if ran, err := fs.Ran(pid); ran != row.want || (err != nil) != row.bad {
			t.Errorf("%q: %v, %v", row.text, ran, err)
		}
	}
	if _, err := fs.Ran(5); !errors.Is(err, ErrGone) {
		t.Errorf("of nobody: %v", err)
	}
}
