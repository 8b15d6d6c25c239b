// Package workers tests the programs in this folder without herder: two processes of each hold one socket, and one is told
// to go while requests come.
package workers

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"golang.org/x/sys/unix"
)

// patience is for a loaded machine; nothing here takes a second on an idle one.
const patience = time.Minute

func commands(t *testing.T) map[string][]string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "goworker")
	if out, err := exec.Command("go", "build", "-o", binary, "./goworker").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return map[string][]string{
		"python": {"python3", filepath.Join(here, "worker.py")},
		"ruby":   {"ruby", filepath.Join(here, "worker.rb")},
		"node":   {"node", filepath.Join(here, "worker.js")},
		"php":    {"php", filepath.Join(here, "worker.php")},
		"go":     {binary},
	}
}

// listen makes a socket as herder does: non-blocking, and no MPTCP.
func listen(t *testing.T, network string) (fd int, address string) {
	t.Helper()
	var sa unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	family := unix.AF_INET
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
		family, sa = unix.AF_UNIX, &unix.SockaddrUnix{Name: address}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil {
		err = unix.Listen(fd, 512)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if network == "tcp" {
		name, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		address = fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	}
	return fd, address
}

// start runs one worker with the socket as fd 3. The shell only sets LISTEN_PID: exec keeps its pid.
func start(t *testing.T, argv []string, fd, generation int, log string) int {
	t.Helper()
	env := append(os.Environ(), "LISTEN_FDS=1", fmt.Sprintf("HERDER_GENERATION=%d", generation), "WORKER_LOG="+log)
	script := append([]string{"sh", "-c", `LISTEN_PID=$$; export LISTEN_PID; exec "$@"`, "sh"}, argv...)
	pid, err := syscall.ForkExec("/bin/sh", script, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2, uintptr(fd)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL); _, _ = syscall.Wait4(pid, nil, 0, nil) })
	return pid
}

// awaitGeneration asks until a worker of the generation answers.
func awaitGeneration(t *testing.T, network, address string, generation int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if fields := strings.Fields(ask(network, address)); len(fields) == 4 && fields[1] == fmt.Sprint(generation) {
			return
		}
	}
	t.Fatalf("no worker of generation %d answers", generation)
}

func ask(network, address string) string {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))
	last := ""
	for in := bufio.NewScanner(conn); in.Scan(); {
		last = in.Text()
	}
	return last
}

// awaitExit waits for a worker that was told to go.
func awaitExit(t *testing.T, pid int) syscall.WaitStatus {
	t.Helper()
	var status syscall.WaitStatus
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); got == pid && err == nil {
			return status
		}
	}
	t.Fatalf("worker %d does not go", pid)
	return status
}

func TestHandingOverLosesNothing(t *testing.T) {
	for name, argv := range commands(t) {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+" "+network, func(t *testing.T) { handOver(t, argv, network) })
		}
	}
}

func handOver(t *testing.T, argv []string, network string) {
	const generations = 4
	fd, address := listen(t, network)
	log := filepath.Join(t.TempDir(), "log")
	old := start(t, argv, fd, 1, log)
	awaitGeneration(t, network, address, 1)
	h := hammer.Start(context.Background(), hammer.Target{Network: network, Address: address, Log: log, Sleep: time.Millisecond})
	for generation := 2; generation <= generations; generation++ {
		successor := start(t, argv, fd, generation, log)
		awaitGeneration(t, network, address, generation)
		if err := syscall.Kill(old, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status := awaitExit(t, old); status != 0 {
			t.Errorf("generation %d: wait status %#x", generation-1, status)
		}
		old = successor
	}
	before := h.Answered()
	for deadline := time.Now().Add(patience); h.Answered() < before+50 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	r := h.Stop()
	t.Log(r)
	if r.Lost() != 0 || r.Retried != 0 || r.Generations[generations] == 0 {
		t.Error("requests were lost or sent twice")
	}
}

// The kernel may give the signal to any thread: the one that waits for connections must hear of it all the same.
func TestWhicheverThreadIsTold(t *testing.T) {
	for name, argv := range commands(t) {
		t.Run(name, func(t *testing.T) {
			fd, address := listen(t, "tcp")
			pid := start(t, argv, fd, 1, filepath.Join(t.TempDir(), "log"))
			awaitGeneration(t, "tcp", address, 1)
			conn, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n"))
			if _, bad := bufio.NewReader(conn).ReadString('\n'); err != nil || bad != nil { // by now it has its thread
				t.Fatal(err, bad)
			}
			if err := unix.Tgkill(pid, newestThread(t, pid), unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if status := awaitExit(t, pid); status.ExitStatus() != 0 {
				t.Errorf("it ended with %v", status)
			}
		})
	}
}

// newestThread is that of those which do not block the signal: the kernel gives it to no other.
func newestThread(t *testing.T, pid int) (newest int) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), "SigBlk:\t")
		mask, _, _ := strings.Cut(after, "\n")
		blocked, err := strconv.ParseUint(mask, 16, 64)
		tid, bad := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		if blocked&(1<<(unix.SIGTERM-1)) == 0 {
			newest = max(newest, tid)
		}
	}
	return newest
}

// A keep-alive connection which is silent is closed after the linger, and does not hold the worker up for ever.
func TestSilentConnectionIsClosedAfterTheLinger(t *testing.T) {
	t.Setenv("WORKER_LINGER", "0.3")
	for name, argv := range commands(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fd, address := listen(t, "tcp")
			pid := start(t, argv, fd, 1, "/dev/null")
			awaitGeneration(t, "tcp", address, 1)
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n"))
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			_ = syscall.Kill(pid, syscall.SIGTERM)
			if status := awaitExit(t, pid); status != 0 {
				t.Errorf("wait status %#x", status)
			}
		})
	}
}
