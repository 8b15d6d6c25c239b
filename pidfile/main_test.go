package pidfile

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain is also the entry of the processes that this binary plays in tests,
// and fails the run when goroutines, fds or children are left.
func TestMain(m *testing.M) {
	if role := os.Getenv("PIDFILE_TEST_ROLE"); role != "" {
		play(role, os.Getenv("PIDFILE_TEST_PATH"))
		os.Exit(0)
	}
	if r, w, err := os.Pipe(); err == nil { // the runtime keeps its epoll open
		r.Close()
		w.Close()
	}
	before := openFDs()
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "leaked goroutines:", err)
		code = 1
	}
	for fd, to := range openFDs() {
		if _, had := before[fd]; !had {
			fmt.Fprintf(os.Stderr, "leaked fd %s: %s\n", fd, to)
			code = 1
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Fprintf(os.Stderr, "leaked a child: wait4 = %d, %v\n", pid, err)
		code = 1
	}
	os.Exit(code)
}

func openFDs() map[string]string {
	fds := map[string]string{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			fds[e.Name()] = to
		}
	}
	return fds
}
