package handoff

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var passedTwo = []Passed{
	{Name: "web", Key: "127.0.0.1:8080", Address: "127.0.0.1:8080", Network: TCP, FDs: []int{11, 12, 13}},
	{Name: "admin", Key: "/run/a.sock", Address: "/run/a.sock", Network: Unix, FDs: []int{20}},
}

func TestEnviron(t *testing.T) {
	env, fds := Environ(passedTwo, 4, 7, 3)
	want := []string{
		"LISTEN_FDS=2", "LISTEN_FDNAMES=web:admin", "EINHORN_FD_0=3", "EINHORN_FD_1=4", "EINHORN_FD_COUNT=2", "EINHORN_FDS=3 4",
		"SERVER_STARTER_PORT=127.0.0.1:8080=3;/run/a.sock=4", "SERVER_STARTER_GENERATION=7",
	}
	if d := cmp.Diff(want, env); d != "" || !slices.Equal(fds, []int{12, 20}) {
		t.Fatal(d, fds)
	}
	if env, fds := Environ(nil, 0, 1, 3); env != nil || fds != nil {
		t.Fatal(env, fds)
	}
	env, _ = Environ(passedTwo, 0, 1, 5)
	if slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "LISTEN_") }) || !slices.Contains(env, "EINHORN_FDS=5 6") {
		t.Fatal("LISTEN_FDS can only begin at 3: ", env)
	}
	odd := []Passed{{Name: "a", Key: ":80", FDs: []int{9}}, {Name: "b", Key: "/a;b=c", FDs: []int{8}}, {Name: "c"}}
	env, fds = Environ(odd, 0, 1, 3)
	if !slices.Contains(env, "SERVER_STARTER_PORT=80=3;=5") || !slices.Equal(fds, []int{9, 8, -1}) {
		t.Fatal(env, fds)
	}
}

func TestExpand(t *testing.T) {
	got, err := Expand([]string{"serve", "--fd={fd:admin}", "{fd:web}:{port:web}:{fd:web}", "{other:x}", "{fd:", "{"}, passedTwo, 3)
	if d := cmp.Diff([]string{"serve", "--fd=4", "3:8080:3", "{other:x}", "{fd:", "{"}, got); d != "" || err != nil {
		t.Fatal(d, err)
	}
	for word, want := range map[string]string{
		"{fd:nope}":     `no listener is named "nope" (there are web, admin)`,
		"{port:admin}":  "unix socket and has no port",
		"x{port:nope}y": "no listener",
	} {
		if _, err := Expand([]string{word}, passedTwo, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := Expand([]string{"{fd:web}"}, nil, 3); err == nil || !strings.Contains(err.Error(), "there are no listeners") {
		t.Error(err)
	}
}

func TestPassedTravels(t *testing.T) {
	l := openT(t, "127.0.0.1:0,name=web,reuseport=2")
	b, err := json.Marshal(l.Passed())
	if err != nil {
		t.Fatal(err)
	}
	var p Passed
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l.Passed(), p); d != "" || p.Key != l.Address() || len(p.FDs) != 2 {
		t.Fatal(d, p)
	}
}

func TestHolds(t *testing.T) {
	l, other := openT(t, "127.0.0.1:0"), openT(t, "127.0.0.1:0")
	c, _ := startT(t, nil, "listen", "tcp", "127.0.0.1:0")
	pid := c.cmd.Process.Pid
	for _, row := range []struct {
		pid    int
		inodes []uint64
		want   bool
	}{
		{os.Getpid(), l.Inodes(), true},
		{os.Getpid(), append(other.Inodes(), 1), true},
		{os.Getpid(), []uint64{1}, false},
		{pid, l.Inodes(), false}, // CLOEXEC: the child has nothing of ours
		{1 << 22, l.Inodes(), false},
	} {
		if got, err := Holds(row.pid, row.inodes); got != row.want || err != nil {
			t.Errorf("%+v: %v, %v", row, got, err)
		}
	}
}
