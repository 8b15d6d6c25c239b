package proc

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// play performs a plan on a table of descriptors: number → what it is.
func play(plan []move, table map[int]string) (kept map[int]string) {
	kept = make(map[int]string)
	for _, m := range plan {
		table[m.to] = table[m.from]
		if !m.temp {
			kept[m.to] = table[m.to]
		}
	}
	return kept
}

func TestMovesPutEverythingInPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		files := rapid.SliceOfN(rapid.IntRange(0, 12), 0, 10).Draw(t, "files")
		closed := rapid.SliceOfN(rapid.Bool(), len(files), len(files)).Draw(t, "closed")
		wanted := len(files)
		for i := range files {
			if closed[i] {
				files[i] = Closed
				wanted--
			}
		}
		table := make(map[int]string)
		for fd := range 13 {
			table[fd] = fmt.Sprint("file ", fd)
		}
		plan := moves(files)
		kept := play(plan, table)
		if len(kept) != wanted {
			t.Fatalf("%d descriptors for %d files: %v", len(kept), wanted, plan)
		}
		for to, from := range files {
			if from == Closed {
				continue
			}
			if kept[to] != fmt.Sprint("file ", from) || table[to] != kept[to] {
				t.Fatalf("%d is %q, want that of %d: %v", to, table[to], from, plan)
			}
		}
		for _, m := range plan {
			if m.temp && (m.to < len(files) || slices.Contains(files, m.to)) {
				t.Fatalf("parks at a number in use: %v", m)
			}
		}
		if len(plan) > len(files)+len(files)/2 {
			t.Fatalf("%d moves for %d files: a cycle costs one", len(plan), len(files))
		}
	})
}

// descriptors reads what a process holds: number → target.
func descriptors(t testing.TB, pid int) map[int]string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := readNames(dir)
	check(t, err)
	got := make(map[int]string)
	for _, n := range names {
		fd, err := strconv.Atoi(n)
		check(t, err)
		target, err := os.Readlink(dir + "/" + n)
		if pid == os.Getpid() && os.IsNotExist(err) {
			continue // what readNames itself had open
		}
		check(t, err)
		got[fd] = target
	}
	return got
}

// strays opens n descriptors that are not close-on-exec, as if inherited.
func strays(t testing.TB, n int) {
	t.Helper()
	for range n {
		fd, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0)
		check(t, err)
		t.Cleanup(func() { check(t, unix.Close(fd)) })
	}
}

func TestP3DescriptorsAreExactlyThoseAskedFor(t *testing.T) {
	for _, closeRange := range []bool{true, false} {
		t.Run(fmt.Sprintf("closeRange=%v", closeRange), func(t *testing.T) {
			s := newSpawner(t)
			s.closeRange = s.closeRange && closeRange
			strays(t, 200)
			ours := descriptors(t, os.Getpid())
			a, b := pipe(t)
			var want map[int]string
			for generation := range 3 { // each with another order
				child := newIdler(t, s, func(spec *Spec) {
					spec.Files = append(spec.Files, b.fd, -1, a.fd, a.fd, spec.Files[0], 3, 4, Closed, Closed, a.fd, Closed, b.fd)
					if generation == 1 {
						spec.Files[3], spec.Files[8] = 8, 3
					}
					ours = descriptors(t, os.Getpid())
					want = make(map[int]string)
					for i, fd := range spec.Files {
						want[i] = os.DevNull
						if fd >= 0 {
							want[i] = ours[fd]
						}
						if fd == Closed {
							delete(want, i)
						}
					}
				})
				if got := descriptors(t, child.Ref().PID); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("the child has %v\nwant          %v", got, want)
				}
				child.finishAll(t)
			}
		})
	}
}

// finishAll: the child holds more copies of its stdin, so it must be told.
func (i *idler) finishAll(t testing.TB) {
	t.Helper()
	check(t, i.Signal(unix.SIGKILL))
	bury(t, i.Process)
}

func TestB14StartedWithClosedAndStrayDescriptors(t *testing.T) {
	s := newSpawner(t)
	strays(t, 200) // and the helper has the shell close 0, 1 and 2 before it starts
	report, w := pipe(t)
	exe, err := os.Executable()
	check(t, err)
	spec := sh(`exec 4</etc/passwd 5</etc/passwd; exec "$0" <&- >&- 2>&-`, w.fd)
	spec.Argv = append(spec.Argv, exe)
	spec.Env = helperEnv("closed")
	p, err := s.Spawn(spec)
	check(t, err)
	w.close()
	if got := report.readAll(); got != "0 1 2 3\n" {
		t.Errorf("the grandchild has descriptors %q", got)
	}
	if ws := bury(t, p); ws != 0 {
		t.Error(Describe(ws))
	}
}

func init() {
	helpers["closed"] = func() error {
		// The shell lists its own descriptors with a glob, which opens the
		// directory and closes it again before the first readlink.
		const script = `for fd in /proc/$$/fd/*; do test -e "$fd" && set -- "$@" "${fd##*/}"; done; echo "$@" >&3`
		return foreground(Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", script, "sh"}, Umask: -1, Files: []int{-1, -1, -1, 3}})
	}
}

func TestFilesAreFilledUpToThree(t *testing.T) {
	s := newSpawner(t)
	_, w := pipe(t)
	out, stdout := pipe(t)
	p, err := s.Spawn(Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", "readlink /proc/$$/fd/0 /proc/$$/fd/2; sleep 0"}, Umask: -1, Files: []int{-1, stdout.fd}})
	check(t, err)
	stdout.close()
	w.close()
	if got := out.readAll(); got != strings.Repeat(os.DevNull+"\n", 2) {
		t.Errorf("stdin and stderr are %q", got)
	}
	bury(t, p)
}

func FuzzMoves(f *testing.F) {
	f.Add([]byte{1, 0})
	f.Add([]byte{2, 0, 1, 3, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64 {
			return
		}
		files := make([]int, len(b))
		table := make(map[int]string)
		for i, c := range b {
			files[i] = int(c)
			table[int(c)] = fmt.Sprint(c)
		}
		kept := play(moves(files), table)
		for to, from := range files {
			if kept[to] != fmt.Sprint(from) {
				t.Fatalf("%v: %d is %q", files, to, kept[to])
			}
		}
		if len(kept) != len(files) || cmp.Compare(len(moves(files)), 2*len(files)) > 0 {
			t.Fatal("moves too much")
		}
	})
}
