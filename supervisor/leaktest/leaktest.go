// Package leaktest fails the tests of a package when they leave something
// behind: a goroutine, a descriptor, a child. It is for TestMain, and no part
// of the program.
//
// handoff and pidfile have their own: as libraries they import nothing of the
// project, in their tests neither.
package leaktest

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// Run runs the tests and returns their exit code, which is not 0 either when
// all passed but left something behind. After a failure leftovers are no news.
func Run(m interface{ Run() int }) int {
	before := descriptors()
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := leaks(before); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// leaks says what was left behind since there were those descriptors.
func leaks(before map[string]string) error {
	err := goleak.Find()
	for fd, target := range descriptors() {
		if _, had := before[fd]; !had {
			err = errors.Join(err, fmt.Errorf("leaked descriptor %s: %s", fd, target))
		}
	}
	if pid, bad := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(bad, unix.ECHILD) {
		err = errors.Join(err, fmt.Errorf("leaked a child: wait4 says %d, %v, not ECHILD", pid, bad))
	}
	return err
}

// descriptors are those that are open, by number, but for the ones that the
// runtime opens for its poller with the first use and keeps.
func descriptors() map[string]string {
	open := map[string]string{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") {
			continue // the directory itself is among them, and closed by now
		}
		open[e.Name()] = target
	}
	return open
}
