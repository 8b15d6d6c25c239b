package supervisor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/config"
)

// The notify socket of a generation is at a path, for the sake of those who know no
// other kind (ready.ListenNotify). The runtime directory lets in nobody but us, and a
// server that root starts may change its user; so the sockets of root's herds are
// beside their directories, as systemd's is in /run/systemd.

// notifyName is how their names begin.
const notifyName = ".notify-"

// maxSunPath is what fits in sun_path with its NUL, unix(7).
const maxSunPath = 107

// notifyPath is where a new generation gets its socket; "" when there is no place
// that its workers can reach.
func notifyPath(c *config.Config) string {
	dir := c.RuntimeDir
	if os.Geteuid() == 0 {
		dir = config.RuntimeBase()
		_ = os.MkdirAll(dir, 0o755)
		if st, err := os.Stat(dir); err != nil || st.Mode()&0o001 == 0 {
			if dir = c.RuntimeDir; c.User != nil {
				return ""
			}
		}
	}
	path := filepath.Join(dir, fmt.Sprintf("%s%016x", notifyName, rand.Uint64()))
	if len(path) > maxSunPath || unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
		return ""
	}
	return path
}

// sweepNotify removes sockets that nobody holds: those of herds that were killed.
func sweepNotify(dirs ...string) {
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, notifyName+"*"))
		if err != nil {
			continue // a directory with the signs of a pattern in its name
		}
		for _, path := range paths {
			if isDead(path) {
				_ = os.Remove(path)
			}
		}
	}
}

// isDead says whether a path is that of a socket which nobody holds (connect(2):
// ECONNREFUSED; of what is no socket, too).
func isDead(path string) bool {
	if st, err := os.Lstat(path); err != nil || st.Mode().Type() != os.ModeSocket {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == unix.ECONNREFUSED
}
