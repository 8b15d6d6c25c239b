package supervisor

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// A master whose file has taken the name of those that leave starts its successor; once for each time that it does so, and only
// if nobody knows of it.
func TestMasterThatMakesRoom(t *testing.T) {
	tend, _ := tending(t)
	path := filepath.Join(t.TempDir(), "app.pid")
	tend.current = &plan{config: &config.Config{Kind: dialect.Reexec, Pidfile: path}}
	master, err := proc.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	g := &tended{n: 1, plan: tend.current, master: master}
	tend.tended[1] = g
	write := func(path string, pid int) {
		t.Helper()
		if err := pidfile.Write(path, pid); err != nil {
			t.Fatal(err)
		}
	}
	appears := func(what string, want bool) {
		t.Helper()
		events := tend.lookForUnasked()
		if got := len(events) == 1 && events[0] == herd.Event(herd.Appeared{}) && tend.appeared.after == g; got != want || len(events) > 1 {
			t.Errorf("%s: %v, %+v", what, events, tend.appeared)
		}
		tend.appeared = unasked{}
	}

	appears("no file", false)
	write(path, os.Getpid())
	appears("its file", false)
	write(path+oldbin, os.Getpid())
	appears("a copy of its file", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	appears("it has made room", true)
	appears("still, as the core had no time for it", true)
	g.leaving = true
	appears("it leaves", false)
	g.leaving, g.renewing = false, true
	appears("it was asked to", false)
	write(path, os.Getppid())
	appears("another master has its place, which is not below it", false)
	if err := os.Rename(path+oldbin, path); err != nil {
		t.Fatal(err)
	}
	appears("it has its name back", false)
	if err := os.Rename(path, path+oldbin); err != nil {
		t.Fatal(err)
	}
	appears("again", true)
	write(path+oldbin, os.Getppid())
	appears("another's", false)
	tend.current = &plan{config: &config.Config{Kind: dialect.Fresh, Pidfile: path}}
	write(path+oldbin, os.Getpid())
	appears("it does not start its successor by itself", false)
}

// What a successor explains it explains until the files are as before: nobody is followed twice for the same room, not when the
// first one has failed, nor when an older generation goes while the master has not begun to make room.
func TestRoomIsMadeForOne(t *testing.T) {
	tend, _ := tending(t)
	defer close(tend.done)
	path := filepath.Join(t.TempDir(), "app.pid")
	tend.current = &plan{config: &config.Config{Kind: dialect.Reexec, Dialect: "unicorn", Pidfile: path, Directory: "/"}}
	master, err := proc.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	g := &tended{n: 1, plan: tend.current, master: master}
	tend.tended[1] = g

	if err := pidfile.Write(path+oldbin, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	tend.appeared = unasked{after: g}
	if events := tend.Follow(2); events != nil {
		t.Fatal(events)
	}
	tend.tended[2].awaited = false // it has failed
	tend.Release(2)
	if events := tend.lookForUnasked(); events != nil {
		t.Errorf("followed again: %v", events)
	}

	if err := os.Remove(path + oldbin); err != nil {
		t.Fatal(err)
	}
	tend.lookForUnasked()
	g.master, g.state.Whole = deafToUSR2(t), true
	asked := &tended{n: 4, plan: tend.current}
	if err := tend.spawnForeign(asked); err != nil {
		t.Fatal(err)
	}
	tend.tended[3], tend.tended[4] = &tended{n: 3, plan: tend.current}, asked
	tend.Release(3)
	asked.awaited = false // it is found, after
	if err := pidfile.Write(path+oldbin, g.master.Ref().PID); err != nil {
		t.Fatal(err)
	}
	if events := tend.lookForUnasked(); events != nil {
		t.Errorf("asked, and taken for unasked: %v", events)
	}
	tend.Release(4)
}

// deafToUSR2 is a process that starts no successor.
func deafToUSR2(t *testing.T) *proc.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", "trap '' USR2; echo deaf; read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p, err := proc.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Who is named, is below a master and runs a program of its own is its successor, but not once it has ended: it may have been
// followed until then.
func TestWhoHasEndedIsNoSuccessor(t *testing.T) {
	tend, _ := tending(t)
	master, err := proc.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	tend.tended[1] = &tended{n: 1, master: master}
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if ref, ok := tend.successorOf(cmd.Process.Pid); !ok || ref.PID != cmd.Process.Pid {
		t.Errorf("%v, %t; want %d", ref, ok, cmd.Process.Pid)
	}
	in.Close()
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if ref, ok := tend.successorOf(cmd.Process.Pid); ok {
		t.Errorf("%v has ended", ref)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
