package starter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, line string) *Command {
	t.Helper()
	c, err := Parse(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEnvdirIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"A": "one\ntwo\n", "B": "", "C": "no newline", ".D": "hidden", "E": "\n", "KILL_OLD_DELAY": "7"} {
		write(t, filepath.Join(dir, name), text)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "FIFO"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "DIR"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := parse(t, "--port 80 --kill-old-delay 2 --envdir "+dir+" app")
	got := c.Environ(4)
	want := map[string]string{
		"A": "one", "C": "no newline", "E": "", "ENVDIR": dir, "KILL_OLD_DELAY": "7",
		"SERVER_STARTER_PORT": "80=3", "SERVER_STARTER_GENERATION": "4",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s=%q, want %q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("told %v", got)
	}
	if s := c.Settings(); s.KillOldDelay != 7*time.Second {
		t.Errorf("the file in envdir does not win over the flag: %+v", s)
	}
	if err := os.Remove(filepath.Join(dir, "A")); err != nil {
		t.Fatal(err)
	}
	if _, there := c.Environ(5)["A"]; there {
		t.Error("a file that is gone still counts")
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		line, env string
		want      Settings
	}{
		{"app", "", Settings{}},
		{"--enable-auto-restart app", "", Settings{360 * time.Second, 5 * time.Second}},
		{"--enable-auto-restart --auto-restart-interval 9 --kill-old-delay 0 app", "", Settings{9 * time.Second, 0}},
		{"app", "ENABLE_AUTO_RESTART=1 AUTO_RESTART_INTERVAL=3", Settings{3 * time.Second, 5 * time.Second}},
		{"app", "ENABLE_AUTO_RESTART=0 KILL_OLD_DELAY=4", Settings{0, 4 * time.Second}},
		{"--kill-old-delay 2 app", "KILL_OLD_DELAY=4", Settings{0, 2 * time.Second}},
		{"app", "KILL_OLD_DELAY=soon", Settings{}},
	} {
		t.Run(c.line+" "+c.env, func(t *testing.T) {
			for kv := range strings.FieldsSeq(c.env) {
				k, v, _ := strings.Cut(kv, "=")
				t.Setenv(k, v)
			}
			if got := parse(t, c.line).Settings(); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
