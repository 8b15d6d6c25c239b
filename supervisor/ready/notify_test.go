package ready

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func notify(t *testing.T) *Notify {
	t.Helper()
	n, err := ListenNotify("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func (n *Notify) next(t *testing.T) Message {
	t.Helper()
	select {
	case m := <-n.C():
		return m
	case <-time.After(patience):
		t.Fatal("no message came")
		return Message{}
	}
}

func sender(t *testing.T, n *Notify) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: n.Address()}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func send(t *testing.T, fd int, b []byte, oob []byte) {
	t.Helper()
	if err := unix.Sendmsg(fd, b, oob, nil, 0); err != nil {
		t.Fatal(err)
	}
}

// The sender's pid is the kernel's word, from another process and its children.
func TestNotifyTellsTheSender(t *testing.T) {
	n := notify(t)
	cmd := exec.Command("python3", "-c", `
import os,socket
a='\0'+os.environ['NOTIFY_SOCKET'][1:]
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)
s.sendto(b'READY=1\nSTATUS=up',a)
p=os.fork()
if p==0: s.sendto(b'STATUS=%d'%os.getpid(),a); os._exit(0)
os.waitpid(p,0)`)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+n.Address())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := n.next(t)
	want := Message{PID: cmd.Process.Pid, UID: os.Getuid(), GID: os.Getgid(), Ready: true, Status: "up"}
	if m != want {
		t.Errorf("got %+v, want %+v", m, want)
	}
	child := n.next(t)
	if fmt.Sprint(child.PID) != child.Status || child.PID == m.PID {
		t.Errorf("of the child: %+v", child)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// At a path it is for everybody, whatever the umask, and the path goes with it. Where
// there can be none, it is in the abstract namespace.
func TestNotifyAtAPath(t *testing.T) {
	path := t.TempDir() + "/notify"
	n, err := ListenNotify(path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if st, err := os.Stat(path); err != nil || n.Address() != path || st.Mode().Perm() != 0o666 {
		t.Errorf("%s: %v, %v", n.Address(), st, err)
	}
	send(t, sender(t, n), []byte("READY=1"), nil)
	if m := n.next(t); !m.Ready || m.PID != os.Getpid() {
		t.Errorf("got %+v", m)
	}
	for _, taken := range []string{path, path + strings.Repeat("long", 30), path + "/below"} {
		other, err := ListenNotify(taken)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(other.Address(), "@") {
			t.Errorf("%s is bound", other.Address())
		}
		other.Close()
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("another one has removed it")
	}
	n.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the path is left")
	}
}

// B7: a ready message from a wrong pid, twice, garbage, 1 MB.
func TestB7NotifyMisused(t *testing.T) {
	n := notify(t)
	fd := sender(t, n)
	// A wrong pid shows: this one is the test's. One cannot be made up.
	send(t, fd, []byte("READY=1"), nil)
	send(t, fd, []byte("READY=1"), nil)
	for range 2 {
		if m := n.next(t); !m.Ready || m.PID != os.Getpid() {
			t.Errorf("got %+v", m)
		}
	}
	forged := unix.UnixCredentials(&unix.Ucred{Pid: 1 << 21, Uid: 0, Gid: 0})
	if err := unix.Sendmsg(fd, []byte("READY=1"), forged, nil, 0); err == nil {
		t.Error("the kernel let a process claim to be one that does not exist")
	}
	for _, garbage := range [][]byte{{}, {0}, bytes.Repeat([]byte{0xff}, 4096), []byte("READY=\x001"), []byte("\n\n\n"), []byte("ready=1")} {
		send(t, fd, garbage, nil)
		if m := n.next(t); m.Says() || m.PID != os.Getpid() {
			t.Errorf("garbage %.20q says %+v", garbage, m)
		}
	}
	for _, size := range []int{MaxMessage + 1, 64 << 10, 1 << 20} {
		huge := append([]byte("READY=1\n"), make([]byte, size)...)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20)
		err := unix.Sendmsg(fd, huge, nil, nil, 0)
		if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
			continue // the kernel's own limit
		}
		if err != nil {
			t.Fatal(err)
		}
		if m := n.next(t); m.Says() || m.Err != errTooLong {
			t.Errorf("%d bytes: %+v", size, m)
		}
	}
	send(t, fd, append([]byte("READY=1\n"), bytes.Repeat([]byte("\n"), MaxMessage-8)...), nil)
	if m := n.next(t); !m.Ready || m.Err != nil {
		t.Errorf("the longest message: %+v", m)
	}
}

// Memory stays flat and no fd stays open, whatever comes along.
func TestNotifyClosesFDs(t *testing.T) {
	n := notify(t)
	fd := sender(t, n)
	r, w := pipe(t)
	fds := make([]int, 250)
	for i := range fds {
		fds[i] = int(w.Fd())
	}
	for range 20 {
		send(t, fd, []byte("FDSTORE=1\nSTATUS=x"), unix.UnixRights(fds...))
		if m := n.next(t); m.Status != "x" || m.PID != os.Getpid() {
			t.Fatalf("got %+v", m)
		}
	}
	send(t, fd, []byte("READY=1"), nil)
	n.next(t) // so all before it were closed
	w.Close()
	r.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a copy of the fd is still open: %v", err)
	}
}

// BARRIER=1: its fd stays open until all before it was taken.
func TestNotifyBarrier(t *testing.T) {
	n := notify(t)
	fd := sender(t, n)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	send(t, fd, []byte("READY=1"), nil)
	send(t, fd, []byte("BARRIER=1"), unix.UnixRights(p[1]))
	unix.Close(p[1])
	if _, err := unix.Read(p[0], make([]byte, 1)); err != unix.EAGAIN {
		t.Fatalf("the barrier opened before the message was taken: %v", err)
	}
	if m := n.next(t); !m.Ready {
		t.Errorf("got %+v", m)
	}
	if m := n.next(t); !m.Barrier {
		t.Errorf("got %+v", m)
	}
	eventually(t, "open the barrier", func() bool {
		k, err := unix.Read(p[0], make([]byte, 1))
		return k == 0 && err == nil
	})
}

// A flood that nobody takes makes its sender wait, and Close ends all.
func TestNotifyFloodAndClose(t *testing.T) {
	n := notify(t)
	fd := sender(t, n)
	unix.SetNonblock(fd, true)
	for i := 0; ; i++ {
		err := unix.Sendmsg(fd, []byte("STATUS=flood"), nil, nil, 0)
		if err == unix.EAGAIN {
			break
		}
		if err != nil || i > 1<<20 {
			t.Fatal(i, err)
		}
		runtime.Gosched()
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-n.C(); open {
		t.Error("C is not closed")
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := unix.Sendmsg(fd, []byte("x"), nil, nil, 0); err == nil {
		t.Error("the socket still takes messages")
	}
}

func TestNotifyAddress(t *testing.T) {
	a, b := notify(t), notify(t)
	if a.Address() == b.Address() || !strings.HasPrefix(a.Address(), "@") || len(a.Address()) > 107 {
		t.Error(a.Address(), b.Address())
	}
}

func TestFD(t *testing.T) {
	for _, c := range []struct {
		name, shell string
		ready       bool
	}{
		{"newline", "echo >&3", true},
		{"text first", "printf 'starting up' >&3; printf ' ... done\\nmore' >&3", true},
		{"closed without", "printf 'no newline' >&3; exec 3>&-", false},
		{"closed at once", "exec 3>&-", false},
		{"much", "head -c 1000000 /dev/zero >&3; echo >&3; head -c 1000000 /dev/zero >&3", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := NewFD()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			dup, err := unix.FcntlInt(uintptr(f.W()), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			w := os.NewFile(uintptr(dup), "w")
			cmd := exec.Command("sh", "-c", c.shell)
			cmd.ExtraFiles = []*os.File{w}
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			f.CloseW()
			f.CloseW()
			if f.W() != -1 {
				t.Error("W after CloseW")
			}
			select {
			case _, got := <-f.C():
				if got != c.ready {
					t.Errorf("ready = %v", got)
				}
			case <-time.After(patience):
				t.Fatal("C tells nothing")
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFDClose(t *testing.T) {
	f, err := NewFD()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	f.Close()
	if _, ok := <-f.C(); ok {
		t.Error("ready by Close")
	}
}
