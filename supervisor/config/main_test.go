package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain fails the run on what a test has left behind.
func TestMain(m *testing.M) {
	before := openFiles()
	code := m.Run()
	if code == 0 {
		code = leftBehind(before)
	}
	os.Exit(code)
}

func leftBehind(before []string) int {
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if after := openFiles(); len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "descriptors before the tests: %q, after: %q\n", before, after)
		return 1
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Fprintln(os.Stderr, "a child was left behind")
		return 1
	}
	return 0
}

// openFiles leaves out those of the runtime itself (epoll), which come with
// the first use and stay.
func openFiles() []string {
	var files []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode:") {
			files = append(files, to)
		}
	}
	return files
}

// write makes a file shop.toml with this text.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// load is Load of a text that must be good.
func load(t *testing.T, text string, flags ...Flag) *Config {
	t.Helper()
	c, err := Load(write(t, text), Flags{Values: flags})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// complaints are the mistakes in a text, without the name of the file.
func complaints(t *testing.T, text string, flags ...Flag) []string {
	t.Helper()
	file := write(t, text)
	_, err := Load(file, Flags{Values: flags})
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), file+":", ""), "\n")
}
