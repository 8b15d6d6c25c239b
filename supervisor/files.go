package supervisor

import (
	"errors"
	"slices"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// oldbin is what unicorn and nginx append to the name of the pid file for the
// master that is about to leave.
const oldbin = ".oldbin"

// unknown is no pid: what somebody else may have left in a pid file of ours.
const unknown = -1

// Publish makes the pid files name the masters of these generations. The file
// of the app is written last and whole, so it never vanishes while one serves.
func (t *tender) Publish(p herd.Publish) []herd.Event {
	t.wanted = p
	path := t.current.config.Pidfile
	var watched []string
	switch {
	case path == "":
	case t.current.config.Kind == dialect.Reexec:
		watched, path = serverFiles(path), "" // the server writes them by itself
	default:
		watched = []string{path, path + oldbin}
	}
	err := t.publishAll(path, p)
	t.follow(watched...)
	if err == nil {
		t.complaint = ""
		return nil
	}
	if t.complaint != err.Error() {
		t.complaint = err.Error()
		t.log.Error("cannot keep the pid file; it is tried again", "error", err)
	}
	return []herd.Event{herd.Touched{Failed: true}}
}

func (t *tender) publishAll(path string, p herd.Publish) error {
	var failed error
	switch {
	case path == "":
	case t.pidFileIsLent() && !t.borrowed(p.App):
		// An older generation went meanwhile; the successor still wants the name free.
		failed = t.publish(path+oldbin, t.pid(p.App))
	default:
		failed = errors.Join(t.publish(path+oldbin, t.pid(p.Old)), t.publish(path, t.pid(p.App)))
	}
	for other := range t.published {
		if other != path && other != path+oldbin { // the configuration named it before
			failed = errors.Join(failed, t.publish(other, 0))
		}
	}
	return failed
}

// pid of the master of a generation; 0 when it has none.
func (t *tender) pid(gen int) int {
	if g := t.tended[gen]; g != nil && g.master != nil {
		return g.master.Ref().PID
	}
	return 0
}

func (t *tender) publish(path string, pid int) error {
	was := t.published[path]
	if pid == 0 {
		if was == 0 {
			return nil
		}
		if err := pidfile.Remove(path, was); err != nil && !errors.Is(err, pidfile.ErrForeign) {
			return err
		}
		t.published[path] = 0
		return nil
	}
	if now, err := pidfile.Read(path); err == nil && now == pid && was == pid {
		return nil
	}
	if err := pidfile.Write(path, pid); err != nil {
		return err
	}
	t.published[path] = pid
	return nil
}

// follow watches the pid files, anew when the configuration moved them.
func (t *tender) follow(paths ...string) {
	if own := t.current.config.HerderPidfile; t.own != nil {
		paths = append(paths, own)
	}
	if slices.Equal(t.followed, paths) {
		return
	}
	if t.follower != nil {
		t.follower.Close()
		t.follower = nil
	}
	t.followed = paths
	if len(paths) == 0 {
		return
	}
	f, err := pidfile.Follow(paths...)
	if err != nil {
		t.log.Warn("cannot watch the pid files", "error", err)
		return
	}
	t.follower = f
	go func() {
		for _, path := range paths { // what happened while nobody watched
			t.post(func() []herd.Event { return t.touched(path) })
		}
		for touched := range f.C() {
			t.post(func() []herd.Event { return t.touched(touched) })
		}
	}()
}

// touched: somebody changed or removed a pid file. Its word is not obeyed: the
// file is made to say what is true.
func (t *tender) touched(path string) []herd.Event {
	if t.own != nil && path == t.current.config.HerderPidfile {
		t.restoreOwn()
		return nil
	}
	if t.current.config.Kind == dialect.Reexec {
		return t.lookForUnasked()
	}
	if t.pidFileIsLent() || t.serverWrites && t.allLeave() {
		return nil
	}
	want := t.published[path]
	if got, err := pidfile.Read(path); want == 0 || err == nil && got == want {
		return nil
	}
	t.log.Warn("the pid file was changed by somebody else; writing it again", "path", path)
	t.published[path] = unknown
	return []herd.Event{herd.Touched{}}
}

func (t *tender) restoreOwn() {
	trouble := t.own.Check()
	if trouble == nil {
		return
	}
	t.log.Warn(trouble.Error() + "; putting it back")
	if err := t.own.Restore(); err != nil {
		t.log.Error(err.Error())
	}
}

// sweepPidFiles removes what a server's own master has left that was killed: unicorn
// starts no successor while .oldbin names somebody who lives, and one day the kernel
// gives that pid to another process. The file without an end of its own is that of who
// comes next, and stays until nobody does.
func (t *tender) sweepPidFiles(g *tended) {
	path := g.plan.config.Pidfile
	if g.plan.config.Kind != dialect.Reexec || path == "" || g.led == 0 {
		return
	}
	t.left = leftPidFile{path, g.led}
	for _, path := range serverFiles(path)[1:] {
		t.sweepPidFile(leftPidFile{path, g.led})
	}
}

// sweepUnseen removes what a master has left that came and went before it was found: not
// every server cleans up (gunicorn, when two workers in a row cannot load the app).
func (t *tender) sweepUnseen(g *tended) {
	for _, path := range serverFiles(g.plan.config.Pidfile) {
		pid, err := pidfile.Read(path)
		if err != nil {
			continue
		}
		if st, err := proc.Proc.Stat(pid); errors.Is(err, proc.ErrGone) || err == nil && st.Dead() {
			t.sweepPidFile(leftPidFile{path, pid})
		}
	}
}

// leftPidFile is one that a server may have left, and the pid of a master that is gone.
type leftPidFile struct {
	path string
	pid  int
}

func (t *tender) sweepPidFile(f leftPidFile) {
	if err := pidfile.Remove(f.path, f.pid); err != nil && !errors.Is(err, pidfile.ErrForeign) {
		t.log.Warn("cannot remove the pid file of a master that is gone", "path", f.path, "error", err)
	}
}

// removePidFiles takes our pid files away at the end.
func (t *tender) removePidFiles() {
	if t.left.pid != 0 {
		t.sweepPidFile(t.left)
	}
	for path, pid := range t.published {
		if pid > 0 {
			if err := pidfile.Remove(path, pid); err != nil {
				t.log.Warn("cannot remove the pid file", "path", path, "error", err)
			}
		}
	}
}
