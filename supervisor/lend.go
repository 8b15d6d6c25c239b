package supervisor

import (
	"os"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
)

// A server of kind fresh may write a pid file by itself (unicorn's `pid`, gunicorn's
// --pid), and refuse to start while one names another that lives. Where it is the same
// file as ours, we see at the first generation that it does; from then on the file is
// moved to .oldbin before a successor is started, as the server itself would do it for
// its own re-exec, and hooks that look for .oldbin find it. It is ours again when the
// successor serves, or has failed: then before anybody hears of it.

// lendPidFile moves the pid file out of the way of a generation that will write it.
func (t *tender) lendPidFile(g *tended) {
	path := g.plan.config.Pidfile
	if !t.serverWrites || g.plan.config.Kind != dialect.Fresh || path == "" || path != t.current.config.Pidfile {
		return
	}
	pid, err := pidfile.Read(path)
	if err != nil || pid != t.published[path] {
		return
	}
	g.borrows = true // before the move: who watches the file must not put it back
	if err := os.Rename(path, path+oldbin); err != nil {
		t.log.Error("cannot move the pid file out of the way of the successor", "path", path, "error", err)
		return
	}
	t.published[path+oldbin], t.published[path] = pid, unknown
}

// endLoan: a generation that was to write the pid file has failed, or leaves. Where the
// file named it already, the core says next whom it names.
func (t *tender) endLoan(g *tended) []herd.Event {
	if !g.borrows {
		return nil
	}
	g.borrows = false
	if t.wanted.App == g.n {
		return nil
	}
	return t.Publish(t.wanted)
}

// takeBackPidFile: a generation serves. Whether its server has written the file shows
// what to do before the next one.
func (t *tender) takeBackPidFile(g *tended) {
	g.borrows = false
	path := g.plan.config.Pidfile
	if path == "" || g.master == nil || g.plan.config.Kind != dialect.Fresh {
		t.serverWrites = false
		return
	}
	pid, err := pidfile.Read(path)
	t.serverWrites = err == nil && pid == g.master.Ref().PID
}

func (t *tender) pidFileIsLent() bool {
	for _, g := range t.tended {
		if g.borrows {
			return true
		}
	}
	return false
}

// borrowed is true of the generation that is to write the pid file.
func (t *tender) borrowed(gen int) bool {
	g := t.tended[gen]
	return g != nil && g.borrows
}

// allLeave: what a server does to its own pid file as it leaves is its affair.
func (t *tender) allLeave() bool {
	for _, g := range t.tended {
		if !g.leaving {
			return false
		}
	}
	return true
}
