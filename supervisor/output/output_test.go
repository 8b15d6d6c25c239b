package output

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// brokenWriter fails always.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestPumpOutlivesItsReader(t *testing.T) {
	var last ring
	pump(strings.NewReader(strings.Repeat("line\n", 10_000)+"the end"), brokenWriter{}, last.write)
	lines := last.lines()
	if len(lines) != maxTailLines || lines[maxTailLines-1] != "the end" || lines[0] != "line" {
		t.Errorf("remembers %q", lines)
	}
}

// Whatever a worker writes, in whatever pieces: the same bytes come out, each line
// with its prefix, none longer than the bound.
func TestLinerKeepsEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out strings.Builder
		var in []byte
		l := &liner{to: &out, prefix: "> "}
		for range rapid.IntRange(0, 10).Draw(t, "writes") {
			piece := slices.Repeat(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\n")), 0, 20).Draw(t, "piece"), rapid.IntRange(1, 2000).Draw(t, "times"))
			in = append(in, piece...)
			n, err := l.Write(piece)
			if n != len(piece) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		l.end()
		checkLines(t, string(in), out.String())
	})
}

type failer interface{ Fatalf(string, ...any) }

func checkLines(t failer, in, out string) {
	var got strings.Builder
	for line := range strings.Lines(out) {
		body, is := strings.CutPrefix(line, "> ")
		if !is || len(body) > maxLine+1 || !strings.HasSuffix(body, "\n") {
			t.Fatalf("a line is %d bytes: %.40q", len(body), line)
		}
		got.WriteString(strings.TrimSuffix(body, "\n"))
	}
	if want := strings.ReplaceAll(in, "\n", ""); got.String() != want {
		t.Fatalf("%d bytes became %d", len(want), got.Len())
	}
}

func FuzzLiner(f *testing.F) {
	f.Add([]byte("one\ntwo"), 2)
	f.Add([]byte("\n\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size < 1 {
			return
		}
		var out strings.Builder
		l := &liner{to: &out, prefix: "> "}
		for piece := range slices.Chunk(b, size) {
			_, _ = l.Write(piece)
		}
		l.end()
		if strings.Contains(string(b), "> ") {
			return
		}
		checkLines(t, string(b), out.String())
	})
}

func TestLogFileIsReopened(t *testing.T) {
	path := t.TempDir() + "/no/log"
	var bad error
	l := OpenFile(path, func(err error) { bad = err })
	defer l.Close()
	if bad == nil {
		t.Fatal("a log in a directory that does not exist is opened")
	}
	if _, err := l.Write([]byte("lost")); !errors.Is(err, errNoLog) {
		t.Errorf("Write = %v", err)
	}
	l.path = strings.Replace(path, "/no", "", 1)
	l.Reopen()
	if _, err := io.WriteString(l, "kept"); err != nil {
		t.Error(err)
	}
}

// A process of another user may open /dev/stderr anew: the pipe is its own.
func TestPipeBelongsToItsProcess(t *testing.T) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 65534, 65533 // only root gives files away
	}
	var pumps sync.WaitGroup
	o, err := New(Options{Prefix: "> ", Pumps: &pumps, UID: uid, GID: gid})
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range []int{o.Stdout, o.Stderr} {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || int(st.Uid) != uid || int(st.Gid) != gid {
			t.Errorf("belongs to %d:%d, not %d:%d: %v", st.Uid, st.Gid, uid, gid, err)
		}
	}
	o.Started()
	pumps.Wait()
}
