package supervisor

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/proc"
)

// mended is what herder has put right at one listener since it was opened.
type mended struct {
	times int
	last  string
}

// surroundings looks at all that is not a process of a worker: the listeners,
// the pid files, and who started us.
func (o *observer) surroundings() {
	for i, l := range o.listeners {
		o.listener(l, o.mended[i])
	}
	for i := range o.herd.Pidfiles {
		f := &o.herd.Pidfiles[i]
		var err error
		if f.Says, err = pidfile.Read(f.Path); err != nil {
			f.Trouble = err.Error()
		}
	}
	o.herd.Above = above()
}

func (o *observer) listener(l *handoff.Listener, m mended) {
	c, err := l.Condition()
	if errors.Is(err, handoff.ErrClosed) {
		return // meanwhile
	}
	o.unseen(err)
	seen := doctor.Listener{Name: l.Name(), Address: l.Address(), Condition: c, Needs: o.needs, Mended: m.times, MendedHow: m.last}
	seen.Queued, _, _ = l.Queue() // as much as can be seen
	if unixPath(l) {
		seen.Path, seen.File = true, fileOf(seen.Address)
	}
	o.herd.Listeners = append(o.herd.Listeners, seen)
}

func unixPath(l *handoff.Listener) bool {
	return (l.Network() == handoff.Unix || l.Network() == handoff.Unixgram) && filepath.IsAbs(l.Address())
}

// fileOf describes a socket's file and the folders above it; nil when there is no socket.
func fileOf(path string) *doctor.File {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil
	}
	f := &doctor.File{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if unix.Stat(dir, &st) == nil {
			f.Folders = append(f.Folders, doctor.Folder{Path: dir, Mode: st.Mode & 0o7777, GID: st.Gid})
		}
		if dir == "/" {
			return f
		}
	}
}

// aboveMost is how far up the tree is looked: a shell or two between a supervisor and us.
const aboveMost = 4

// above names who started us, and who started that.
func above() []string {
	if os.Getpid() == 1 {
		return []string{doctor.Container}
	}
	var names []string
	for pid := os.Getppid(); pid > 0 && len(names) < aboveMost; {
		st, err := proc.Proc.Stat(pid)
		if err != nil {
			break
		}
		names, pid = append(names, printable(st.Comm)), st.PPID
	}
	return names
}
