package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// statusLines picks the lines of /proc/PID/status that say who a process is.
func statusLines(status string) string {
	var out []string
	for line := range strings.SplitSeq(status, "\n") {
		key, _, _ := strings.Cut(line, ":")
		switch key {
		case "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(out, "\n")
}

func TestP1CredentialsEqualSetpriv(t *testing.T) {
	s := newSpawner(t)
	u := &User{UID: 12345, GID: 23456, Groups: []uint32{23456, 34567, 45678}}
	spec := Spec{Path: "/bin/cat", Argv: []string{"cat", "/proc/self/status"}, Umask: -1, Files: []int{-1, -1, 2}, User: u}
	if os.Geteuid() != 0 { // only root may; B12 is what the others get
		if _, err := s.Spawn(spec); !errors.Is(err, unix.EPERM) {
			t.Error(err)
		}
		return
	}
	for _, groups := range []string{"23456,34567,45678", ""} {
		flag := "--groups=" + groups
		if groups == "" {
			flag, u.Groups = "--clear-groups", nil
		}
		want, err := exec.Command("setpriv", "--reuid=12345", "--regid=23456", flag, "cat", "/proc/self/status").Output()
		check(t, err)
		got, _ := run(t, s, spec)
		if statusLines(got) != statusLines(string(want)) || !strings.Contains(got, "12345") {
			t.Errorf("ours:\n%s\nsetpriv's:\n%s", statusLines(got), statusLines(string(want)))
		}
	}
	if v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); v != 1 || err != nil {
		t.Errorf("we are not dumpable any more: %d %v", v, err)
	}
}

func TestP1OurOwnUserNeedsNoPrivilege(t *testing.T) {
	groups, err := unix.Getgroups()
	check(t, err)
	u := &User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	for _, g := range groups {
		u.Groups = append(u.Groups, uint32(g))
	}
	if !u.current() || u.Allowed() != nil {
		t.Errorf("%+v is not us", u)
	}
	if u.UID++; u.current() {
		t.Errorf("%+v is us", u)
	}
}

func init() {
	// Runs as an unprivileged user that wants to be another one.
	helpers["unprivileged"] = func() error {
		u := &User{Name: "other", UID: 1, GID: 1}
		err := foreground(Spec{Path: "/bin/true", Umask: -1, User: u})
		fmt.Println(u.Allowed())
		fmt.Println(err)
		return nil
	}
}

func TestB12UserWithoutPrivilege(t *testing.T) {
	s := newSpawner(t)
	spec := self("unprivileged")
	if os.Geteuid() == 0 {
		dir := t.TempDir() // the build directory may be closed to the user
		check(t, os.Chmod(dir, 0o755))
		check(t, os.Chmod(filepath.Dir(dir), 0o755))
		b, err := os.ReadFile(spec.Path)
		check(t, err)
		spec.Path = filepath.Join(dir, "helper")
		check(t, os.WriteFile(spec.Path, b, 0o755))
		spec.User = &User{UID: 12345, GID: 12345}
	}
	got, ws := run(t, s, spec)
	want := "cannot become user other (1:1): operation not permitted; only root may; start it as root, or leave user out\n" +
		"cannot take the groups of user other (1:1): operation not permitted; this needs privilege (root)\n"
	if got != want || ws != 0 {
		t.Errorf("got\n%swant\n%s%s", got, want, Describe(ws))
	}
}

// placeScript prints all that a child inherits and Spec can change.
const placeScript = `pwd; umask; ulimit -Sa; ulimit -Ha; nice; cat /proc/$$/oom_score_adj; grep ^Sig /proc/self/status`

func TestP6PlaceIsThatOfAShellsChild(t *testing.T) {
	s := newSpawner(t)
	// What whoever started the test has ignored (nohup, a shell's &) stays so in a shell; exec sets what is caught to its default.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)
	defer signal.Stop(caught)
	cmd := exec.Command("/bin/sh", "-c", placeScript)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	want, err := cmd.Output()
	check(t, err)
	got, _ := run(t, s, sh(placeScript))
	// SigQ counts what is pending for all processes of the user.
	drop := func(out string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(out, "\n"), func(l string) bool { return strings.HasPrefix(l, "SigQ") }), "\n")
	}
	if drop(got) != drop(string(want)) || !strings.Contains(got, "SigIgn:\t0000000000000000") {
		t.Errorf("ours:\n%s\na shell's:\n%s", got, want)
	}
}

func TestP6PlaceAsAskedFor(t *testing.T) {
	s := newSpawner(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	nice := 5
	spec := sh("pwd; umask; ulimit -Sn; ulimit -Hn; ulimit -Sc; nice")
	spec.Dir, spec.Umask, spec.Nice = dir, 0o137, &nice
	spec.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 40, 50}, {unix.RLIMIT_CORE, 0, 0}}
	got, _ := run(t, s, spec)
	if want := dir + "\n0137\n40\n50\n0\n5\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if spec.Rlimits[0].String() != "NOFILE=40:50" {
		t.Error(spec.Rlimits[0])
	}
}

func TestP6SessionAndGroup(t *testing.T) {
	s := newSpawner(t)
	us, err := Proc.Stat(os.Getpid())
	check(t, err)
	for _, c := range []struct{ session, group bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		child := newIdler(t, s, func(spec *Spec) { spec.Session, spec.Group = c.session, c.group })
		st, err := Proc.Stat(child.Ref().PID)
		check(t, err)
		if (st.Session == st.PID) != c.session || (st.PGRP == st.PID) != (c.session || c.group) {
			t.Errorf("%+v: %+v", c, st)
		}
		if !c.session && st.Session != us.Session {
			t.Errorf("session %d, not ours", st.Session)
		}
		child.finish(t)
	}
}

func TestW15UserMayNotEnterTheDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		return // there is no other user to be: B12
	}
	s := newSpawner(t)
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o700))
	_, err := s.Spawn(Spec{Path: "/bin/true", Dir: dir, Umask: -1, User: &User{Name: "app", UID: 12345, GID: 12345}})
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "cannot enter directory "+dir) || !strings.Contains(err.Error(), "user app (12345:12345) needs x on it") {
		t.Error(err)
	}
	path := filepath.Join(dir, "app")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	_, err = s.Spawn(Spec{Path: path, Umask: -1, User: &User{UID: 12345, GID: 12345}})
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "user 12345:12345 must be able to execute it") || ExitCode(err) != 126 {
		t.Error(err)
	}
}
