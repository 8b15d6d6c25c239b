package pidfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The processes that tests start: this binary, with PIDFILE_TEST_ROLE.
func play(role, path string) {
	switch role {
	case "lock":
		playLock(path)
	case "full disk":
		if err := playFullDisk(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// playLock waits for its stdin to say go, tries, tells, and holds until its
// stdin ends.
func playLock(path string) {
	fmt.Println("here")
	os.Stdin.Read(make([]byte, 1))
	l, err := Lock(path)
	var locked ErrLocked
	switch {
	case errors.As(err, &locked):
		fmt.Println("locked", locked.PID)
	case err != nil:
		fmt.Println("error", err)
	default:
		fmt.Println("won")
	}
	io.Copy(io.Discard, os.Stdin)
	if l != nil {
		l.Close()
	}
}

// playFullDisk runs in a mount namespace of its own, root in it.
func playFullDisk(mnt string) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("none", mnt, "tmpfs", 0, "size=64k,nr_inodes=20"); err != nil {
		return err
	}
	path := mnt + "/app.pid"
	if err := Write(path, 1234); err != nil {
		return err
	}
	for name, full := range map[string]func() error{
		"no space":  func() error { return fillSpace(mnt) },
		"no inodes": func() error { return fillInodes(mnt) },
	} {
		if err := full(); err != nil {
			return fmt.Errorf("%s: cannot fill: %w", name, err)
		}
		if err := onFullDisk(path); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := empty(mnt); err != nil {
			return err
		}
		if err := Write(path, 1234); err != nil {
			return fmt.Errorf("%s: with space again: %w", name, err)
		}
	}
	return nil
}

func onFullDisk(path string) error {
	if err := Write(path, 99); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("Write: %w", err)
	}
	if _, err := Lock(path); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("Lock: %w", err)
	}
	if pid, err := Read(path); pid != 1234 || err != nil {
		return fmt.Errorf("the old file reads %d, %w", pid, err)
	}
	stray, _ := filepath.Glob(filepath.Dir(path) + "/.*")
	if len(stray) > 0 {
		return fmt.Errorf("left behind: %v", stray)
	}
	return nil
}

func fillSpace(dir string) error {
	f, err := os.Create(dir + "/filler")
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func fillInodes(dir string) error {
	for i := 0; ; i++ {
		err := os.WriteFile(fmt.Sprint(dir, "/filler", i), nil, 0o600)
		if errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func empty(dir string) error {
	names, err := filepath.Glob(dir + "/filler*")
	for _, n := range names {
		err = errors.Join(err, os.Remove(n))
	}
	return err
}

// H5: the disk is full when the pid file is written. The old one stays.
func TestH5DiskFull(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PIDFILE_TEST_ROLE=full disk", "PIDFILE_TEST_PATH="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = oneID(os.Geteuid())
		cmd.SysProcAttr.GidMappings = oneID(os.Getegid())
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, strings.TrimSpace(string(out)))
	}
}

// oneID maps one id to root.
func oneID(id int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
}
