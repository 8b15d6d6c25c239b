package master

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// patience bounds every wait of the tests: a failure, not a pace.
const patience = 60 * time.Second

// workerKey makes the test binary a worker of the given kind.
const workerKey = "HERDER_TEST_WORKER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "master" {
		os.Exit(Run())
	}
	if kind := os.Getenv(workerKey); kind != "" {
		if err := workers[kind](); err != nil {
			fmt.Fprintln(os.Stderr, "worker", kind+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := proc.Subreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	before := openFiles()
	code := m.Run()
	if code != 0 {
		clean()
	}
	if err := leaks(before); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// clean ends what failed tests have left.
func clean() {
	if st, err := proc.Proc.Stat(os.Getpid()); err == nil {
		_, _ = proc.Proc.KillTree(st.Ref(), patience)
	}
	for {
		exit, ok, err := proc.Peek()
		if err != nil || !ok {
			return
		}
		_, _ = proc.Reap(exit.PID)
	}
}

// leaks tells what the tests have left behind.
func leaks(before []int) error {
	err := goleak.Find()
	for _, fd := range openFiles() {
		target, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		runtime := target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]"
		if !runtime && !slices.Contains(before, fd) && target != "" {
			err = errors.Join(err, fmt.Errorf("leaked descriptor %d: %s", fd, target))
		}
	}
	if _, bad := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(bad, unix.ECHILD) {
		err = errors.Join(err, fmt.Errorf("leaked children: wait4 says %v, not ECHILD", bad))
	}
	return err
}

func openFiles() []int {
	entries, _ := os.ReadDir("/proc/self/fd")
	var fds []int
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
