package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func statLine(pid int, comm string, ppid int, start uint64) string {
	return fmt.Sprintf("%d (%s) S %d 7 8 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 18446744073709551615 93825 93899 140737488350000 0 0 0 0\n", pid, comm, ppid, start)
}

// fixture is a /proc of pid → parent; with children files or without.
func fixture(t *testing.T, parents map[int]int, withFiles bool) FS {
	t.Helper()
	fs := FS(t.TempDir())
	for pid, ppid := range parents {
		task := filepath.Join(fs.path(pid, "task"), fmt.Sprint(pid))
		check(t, os.MkdirAll(task, 0o755))
		line := statLine(pid, "a) R (b", ppid, uint64(1000+pid))
		check(t, os.WriteFile(fs.path(pid, "stat"), []byte(line), 0o644))
		check(t, os.WriteFile(filepath.Join(task, "stat"), []byte(line), 0o644))
		if !withFiles {
			continue
		}
		var kids strings.Builder
		for kid, parent := range parents {
			if parent == pid {
				fmt.Fprint(&kids, kid, " ")
			}
		}
		check(t, os.WriteFile(filepath.Join(task, "children"), []byte(kids.String()), 0o644))
	}
	check(t, os.WriteFile(filepath.Join(string(fs), "uptime"), nil, 0o644))
	return fs
}

func TestDescendantsWithAndWithoutChildrenFiles(t *testing.T) {
	parents := map[int]int{10: 1, 11: 10, 12: 10, 13: 11, 14: 13, 20: 1, 21: 20}
	for _, withFiles := range []bool{true, false} {
		fs := fixture(t, parents, withFiles)
		got, err := fs.Descendants(10)
		check(t, err)
		want := []Ref{{11, 1011}, {12, 1012}, {13, 1013}, {14, 1014}}
		if !slices.Equal(got, want) {
			t.Errorf("files %v: %v, want %v", withFiles, got, want)
		}
		if kids, err := fs.Children(20); err != nil || !slices.Equal(kids, []int{21}) {
			t.Errorf("files %v: %v %v", withFiles, kids, err)
		}
		if _, err := fs.Descendants(99); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
		if _, err := fs.Stat(99); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
}

// A children file may name a pid that has become another's meanwhile.
// Who cannot be looked at is not taken for childless.
func TestChildrenThatCannotBeSeenAreNotForgotten(t *testing.T) {
	fs := fixture(t, map[int]int{10: 1, 11: 10}, true)
	file := fs.path(10, "task/10/children")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil { // reading it is EISDIR, even for root
		t.Fatal(err)
	}
	if kids, err := fs.Children(10); err == nil {
		t.Errorf("children %v, and no error", kids)
	}
}

func TestDescendantsDropAStranger(t *testing.T) {
	fs := fixture(t, map[int]int{10: 1, 11: 10, 12: 1}, true)
	check(t, os.WriteFile(filepath.Join(string(fs), "10/task/10/children"), []byte("11 12 13 10 "), 0o644))
	got, err := fs.Descendants(10)
	check(t, err)
	if !slices.Equal(got, []Ref{{11, 1011}}) {
		t.Error(got)
	}
}

func TestParseStat(t *testing.T) {
	for comm, want := range map[string]string{"sh": "sh", "(a b ) ( c d) ": "(a b ) ( c d) ", "": "", ") R 1 (": ") R 1 ("} {
		st, err := parseStat([]byte(statLine(42, comm, 7, 1<<63)))
		if err != nil || st != (Stat{PID: 42, Comm: want, State: 'S', PPID: 7, PGRP: 7, Session: 8, Threads: 1, Start: 1 << 63, Stack: 140737488350000}) {
			t.Errorf("%q: %+v %v", comm, st, err)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh", "42 sh) S", ") (", "42 (sh) S 1 2 3", "x" + statLine(1, "sh", 1, 1), strings.Replace(statLine(1, "sh", 7777, 1), "7777", "9e9", 1)} {
		if st, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, st)
		}
	}
}

func TestStatOfRealProcesses(t *testing.T) {
	s := newSpawner(t)
	exe := writeFile(t, "a) R 1 (", "#!/bin/sh\necho up\nread x\n", 0o755)
	r, w := pipe(t)
	out, stdout := pipe(t)
	p, err := s.Spawn(Spec{Path: exe, Umask: -1, Files: []int{r.fd, stdout.fd}, Env: []string{"HERDER_GENERATION=7", "X=", "HERDER_GENERATION=8"}})
	check(t, err)
	if got := out.line(); got != "up" { // name and environment are those of the new program by now
		t.Fatal(got)
	}
	st, err := Proc.Stat(p.Ref().PID)
	check(t, err)
	if st.Comm != "a) R 1 (" || st.PPID != os.Getpid() || st.Ref() != p.Ref() || st.Dead() {
		t.Errorf("%+v", st)
	}
	for key, want := range map[string]string{"HERDER_GENERATION": "7", "X": "", "HERDER": "-", "": "-"} {
		got, ok := Proc.Environ(p.Ref().PID, key)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	w.close()
	check(t, waitDead(p))
	if st, err := Proc.Stat(p.Ref().PID); err != nil || !st.Dead() || st.Ref() != p.Ref() {
		t.Errorf("a zombie: %+v %v", st, err)
	}
	bury(t, p)
	if _, ok := Proc.Environ(p.Ref().PID, "X"); ok {
		t.Error("a dead process has an environment")
	}
}

func waitDead(p *Process) error {
	return unix.Waitid(unix.P_PID, p.Ref().PID, nil, unix.WEXITED|unix.WNOWAIT, nil)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine(42, "sh", 1, 1000)))
	f.Add([]byte(statLine(42, "a) R 1 (b", 1, 1000)))
	f.Add([]byte("42 (sh) Z 1"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := parseStat(b)
		if err != nil {
			return
		}
		again, err := parseStat([]byte(fmt.Sprintf("%d (%s) %c %d %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 %d 0 %d 0 0 0 0 0 %d", st.PID, st.Comm, st.State, st.PPID, st.PGRP, st.Session, st.Threads, st.Start, st.Stack)))
		if err != nil || again != st {
			t.Fatalf("%+v is read back as %+v: %v", st, again, err)
		}
	})
}

func FuzzEnviron(f *testing.F) {
	f.Add([]byte("A=1\x00B=2\x00"), "B")
	f.Add([]byte("A"), "A")
	f.Add([]byte("=\x00"), "")
	f.Fuzz(func(t *testing.T, b []byte, key string) {
		v, ok := environValue(b, key)
		if ok && !strings.Contains("\x00"+string(b)+"\x00", "\x00"+key+"="+v+"\x00") {
			t.Fatalf("%q has %q=%q?", b, key, v)
		}
	})
}
