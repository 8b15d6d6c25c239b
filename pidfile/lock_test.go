package pidfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func mustLock(t *testing.T, path string) *Locked {
	t.Helper()
	l, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// contender is another process that tries to lock.
type contender struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func contend(t *testing.T, path string) *contender {
	t.Helper()
	c := &contender{cmd: exec.Command("/proc/self/exe")}
	// The race detector sleeps for a second at exit by default.
	c.cmd.Env = append(os.Environ(), "PIDFILE_TEST_ROLE=lock", "PIDFILE_TEST_PATH="+path, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	return c
}

func (c *contender) end() {
	c.in.Close()
	if c.cmd.ProcessState == nil {
		c.cmd.Wait()
	}
}

func (c *contender) line(t *testing.T) string {
	t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

// B13: two herders on one pid file; 50 at once: exactly one gets it.
func TestB13LockOnce(t *testing.T) {
	for name, left := range map[string]string{"nothing there": "", "left behind": "4194304\n", "garbage left": "x"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := dir + "/herder.pid"
			if left != "" {
				put(t, path, left)
			}
			all := make([]*contender, 50)
			for i := range all {
				all[i] = contend(t, path)
			}
			for _, c := range all {
				c.line(t) // here
			}
			for _, c := range all {
				fmt.Fprint(c.in, "g")
			}
			winner, losers := 0, map[string]int{}
			for _, c := range all {
				if said := c.line(t); said != "won" {
					losers[said]++
				} else if winner == 0 {
					winner = c.cmd.Process.Pid
				} else {
					t.Errorf("%d and %d won", winner, c.cmd.Process.Pid)
				}
			}
			if want := fmt.Sprint("locked ", winner); winner == 0 || losers[want] != 49 {
				t.Errorf("winner %d, others: %v", winner, losers)
			}
			mustRead(t, path, winner)
			for _, c := range all {
				c.end()
			}
			onlyFiles(t, dir)
		})
	}
}

// The lock ends with its process, however that ends.
func TestLockAfterKill(t *testing.T) {
	path := t.TempDir() + "/herder.pid"
	c := contend(t, path)
	fmt.Fprint(c.in, "g")
	c.line(t)
	if said := c.line(t); said != "won" {
		t.Fatal(said)
	}
	_, err := Lock(path)
	var locked ErrLocked
	if !errors.As(err, &locked) || locked.PID != c.cmd.Process.Pid || !strings.Contains(err.Error(), path) {
		t.Errorf("while it lives: %v", err)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.cmd.Wait()
	mustLock(t, path)
	mustRead(t, path, os.Getpid())
}

// H7: a pid file was left behind, and its number belongs to another program now.
func TestH7NumberReused(t *testing.T) {
	innocent := exec.Command("sleep", "600")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		innocent.Process.Kill()
		innocent.Wait()
	}()
	for _, pid := range []int{innocent.Process.Pid, os.Getpid(), os.Getppid(), 1} {
		path := t.TempDir() + "/herder.pid"
		mustWrite(t, path, pid)
		l, err := Lock(path)
		if err != nil {
			t.Errorf("taken for running: %v", err)
			continue
		}
		mustRead(t, path, os.Getpid())
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := innocent.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the innocent process: %v", err)
	}
}

// H8: an admin removes or overwrites the file while we run: we are told, and
// put it back.
func TestH8LockRestored(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/herder.pid"
	l := mustLock(t, path)
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"removed":     {func() error { return os.Remove(path) }, "removed"},
		"overwritten": {func() error { return os.WriteFile(path, []byte("1\n"), 0o644) }, "overwritten"},
		"emptied":     {func() error { return os.Truncate(path, 0) }, "overwritten"},
		"replaced":    {func() error { return Write(path, 1) }, "replaced"},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Check = %v", name, err)
		}
		for range 2 {
			if err := l.Restore(); err != nil {
				t.Errorf("%s: Restore: %v", name, err)
			}
		}
		if err := l.Check(); err != nil {
			t.Errorf("%s: after Restore: %v", name, err)
		}
		mustRead(t, path, os.Getpid())
		onlyFiles(t, dir, "herder.pid")
		var locked ErrLocked
		if _, err := Lock(path); !errors.As(err, &locked) {
			t.Errorf("%s: no longer locked: %v", name, err)
		}
	}
	// Another took the place: it keeps it, and our Close leaves its file alone.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c := contend(t, path)
	fmt.Fprint(c.in, "g")
	c.line(t)
	if said := c.line(t); said != "won" {
		t.Fatal(said)
	}
	var locked ErrLocked
	if err := l.Restore(); !errors.As(err, &locked) || locked.PID != c.cmd.Process.Pid {
		t.Errorf("Restore: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	mustRead(t, path, c.cmd.Process.Pid)
}

// Between looking at a file left behind and locking it, another may have
// replaced it: then it is not ours to replace.
func TestLockReplacedMeanwhile(t *testing.T) {
	path := t.TempDir() + "/herder.pid"
	mustWrite(t, path, MaxPID)
	d, err := openDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	left, err := d.open()
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	l := mustLock(t, path)
	f, err := d.create(1)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if done, err := d.replace(left, f); done || err != nil {
		t.Errorf("replaced: %v, %v", done, err)
	}
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}
