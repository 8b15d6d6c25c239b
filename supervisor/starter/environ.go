package starter

import (
	"bufio"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxValue bounds what is read of a file in ENVDIR; execve(2) takes no longer string.
const maxValue = 128 << 10

// Variables are what start_server changes in its environment: what flags stand for,
// and over that the files in ENVDIR, as they are now.
func (c *Command) Variables() map[string]string {
	env := maps.Clone(c.Set)
	dir, given := env["ENVDIR"]
	if !given {
		dir = os.Getenv("ENVDIR")
	}
	maps.Copy(env, readEnvdir(dir))
	return env
}

// Environ is what is added to the environment of a worker.
func (c *Command) Environ(gen int) map[string]string {
	env := c.Variables()
	env["SERVER_STARTER_PORT"] = c.Port()
	env["SERVER_STARTER_GENERATION"] = strconv.Itoa(gen)
	return env
}

// readEnvdir reads a variable from each file of a folder, its first line. Hidden files,
// empty ones and those that cannot be read do not count, nor does a folder that is not
// there: it may be between two releases.
func readEnvdir(dir string) map[string]string {
	env := map[string]string{}
	if dir == "" {
		return env
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return env
	}
	for _, e := range entries {
		if name := e.Name(); name[0] != '.' && !strings.Contains(name, "=") {
			if v, ok := firstLine(filepath.Join(dir, name)); ok {
				env[name] = v
			}
		}
	}
	return env
}

// firstLine of a regular file: a fifo without a writer would hold us for ever.
func firstLine(path string) (string, bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return "", false
	}
	line, err := bufio.NewReader(io.LimitReader(f, maxValue)).ReadString('\n')
	if err != nil && line == "" || strings.ContainsRune(line, 0) {
		return "", false
	}
	return strings.TrimSuffix(line, "\n"), true
}

// Settings are what the environment may change while start_server runs.
type Settings struct {
	AutoRestart  time.Duration // 0: off
	KillOldDelay time.Duration
}

// Settings are those of this moment.
func (c *Command) Settings() Settings {
	env := c.Variables()
	look := func(name string) (string, bool) {
		if v, ok := env[name]; ok {
			return v, true
		}
		return os.LookupEnv(name)
	}
	var s Settings
	enabled, _ := look("ENABLE_AUTO_RESTART")
	if enabled != "" && enabled != "0" { // what Perl takes for true
		v, _ := look("AUTO_RESTART_INTERVAL")
		if s.AutoRestart = number(v); s.AutoRestart == 0 {
			s.AutoRestart = 360 * time.Second
		}
		s.KillOldDelay = 5 * time.Second
	}
	if v, set := look("KILL_OLD_DELAY"); set {
		s.KillOldDelay = number(v)
	}
	return s
}

// number of seconds; what is none is 0.
func number(v string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 366*maxSeconds)) * time.Second
}
