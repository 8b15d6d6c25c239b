package config

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that cannot be used is refused at once, with its name, whatever it is.
func TestB10UnusableConfigFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(
		os.Mkdir(at("directory"), 0o700),
		unix.Mkfifo(at("fifo"), 0o600),
		os.WriteFile(at("binary"), []byte("\x7fELF\x02\x01\x01\x00\x00"), 0o600),
		os.WriteFile(at("latin1"), []byte("name = \"caf\xe9\"\n"), 0o600),
		os.WriteFile(at("invalid"), []byte("[[[\n"), 0o600),
		os.WriteFile(at("huge"), []byte(strings.Repeat("# long\n", 1<<18)), 0o600),
		os.WriteFile(at("nested"), []byte("x = "+strings.Repeat("[", 1<<19)), 0o600),
		os.WriteFile(at("dotted"), []byte("command = 'true'\n"+strings.Repeat("a.", 1<<17)+"a = 1\n"), 0o600),
		os.Symlink(at("loop"), at("loop")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"missing":   "cannot read it: no such file or directory",
		"directory": "cannot read it: it is a directory",
		"fifo":      "cannot read it: it is not a regular file",
		"loop":      "cannot read it: too many levels of symbolic links",
		"binary":    "1:8: a NUL byte: this is not a text file",
		"latin1":    "1:12: ",
		"invalid":   "1:3: ",
		"huge":      "cannot read it: it is longer than 1048576 bytes",
		"nested":    "arrays and inline tables are nested more",
		"dotted":    `2:1: unknown key "a"`,
	} {
		_, err := Load(at(name), Flags{})
		ms, ok := errors.AsType[Mistakes](err)
		if !ok || !strings.HasPrefix(ms[0].Error(), at(name)+":") || !strings.Contains(ms[0].Error(), want) {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

// unreadable to somebody else, for root can read everything.
func TestB10UnreadableConfigFile(t *testing.T) {
	if file := os.Getenv("HERDER_TEST_FILE"); file != "" {
		_, err := Load(file, Flags{})
		t.Log(err)
		return
	}
	dir, err := os.MkdirTemp("", "config")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary, file := filepath.Join(dir, "test"), filepath.Join(dir, "shop.toml")
	self, err := os.ReadFile("/proc/self/exe")
	if err = errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(binary, self, 0o755), os.WriteFile(file, []byte(command), 0)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=TestB10UnreadableConfigFile", "-test.v")
	cmd.Dir, cmd.Env = "/", []string{"HERDER_TEST_FILE=" + file}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), file+": cannot read it: permission denied") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestP7ConfigThatOthersCanWrite(t *testing.T) {
	file := write(t, command)
	dir := filepath.Dir(file)
	me := os.Geteuid()
	for _, test := range []struct {
		name       string
		file, dir  os.FileMode
		owner      int // of the file
		user       string
		wantAmong  string
		wantNumber int
	}{
		{"private", 0o600, 0o700, me, "", "", 0},
		{"readable", 0o644, 0o755, me, "", "", 0},
		{"world-writable", 0o666, 0o700, me, "", file + " can be written by everybody", 1},
		{"in a world-writable folder", 0o600, 0o777, me, "", dir + " can be written by everybody", 1},
		{"in a sticky folder", 0o600, 0o777 | os.ModeSticky, me, "", "", 0},
		{"of the workers' user", 0o600, 0o700, 4242, "4242", "can be written by the workers' user", 1},
		{"of the workers' user, who is the herder's", 0o600, 0o700, me, uid(), "", 0},
		{"of the workers' group", 0o660, 0o755, me, "4242:" + uid(), "can be written by the workers' group", 1},
	} {
		if test.owner != me && me != 0 {
			continue // only root can give a file away; CI runs as root
		}
		err := errors.Join(os.Chown(file, test.owner, -1), os.Chmod(file, test.file), os.Chmod(dir, test.dir))
		if err != nil {
			t.Fatal(err)
		}
		var flags Flags
		if test.user != "" {
			flags.Values = []Flag{{"--user", "user", test.user}}
		}
		c, err := Load(file, flags)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Warnings) != test.wantNumber || !strings.Contains(strings.Join(slices.Concat(c.Warnings), "\n"), test.wantAmong) {
			t.Errorf("%s: %q", test.name, c.Warnings)
		}
	}
}
