package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// Whoever hears that a successor has failed finds the pid file as it was: it is put back before the core is told, and so
// before anybody is answered.
func TestLoanEndsBeforeTheNews(t *testing.T) {
	tell := func(v herd.Verb) func(*tender, *tended) []herd.Event {
		return func(t *tender, _ *tended) []herd.Event { return t.Tell(herd.Tell{Gen: 3, Verb: v}) }
	}
	for name, fail := range map[string]func(*tender, *tended) []herd.Event{
		"its master has ended":   func(t *tender, g *tended) []herd.Event { return t.mourn(g) },
		"it was not ready":       tell(herd.Quit),
		"it is to leave at once": tell(herd.Halt),
		"it must end":            tell(herd.Kill),
	} {
		t.Run(name, func(t *testing.T) {
			tend, path := lending(t)
			g := &tended{n: 3, plan: tend.current, silent: true}
			tend.tended[3] = g
			tend.lendPidFile(g)
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Fatalf("not lent: %v", err)
			}
			checkOurs(t, path, fail(tend, g))
		})
	}
	t.Run("it cannot be spawned", func(t *testing.T) {
		tend, path := lending(t)
		checkOurs(t, path, tend.Spawn(3, 1))
	})
}

func checkOurs(t *testing.T, path string, events []herd.Event) {
	t.Helper()
	for _, e := range events {
		if e == (herd.Touched{Failed: true}) {
			t.Error("the pid file could not be written")
		}
	}
	if pid, err := pidfile.Read(path); err != nil || pid != os.Getpid() {
		t.Errorf("the pid file says %d, %v", pid, err)
	}
	if _, err := os.Lstat(path + oldbin); !os.IsNotExist(err) {
		t.Errorf(".oldbin is still there: %v", err)
	}
}

// The core is about to name another one where the file named the successor already: until then it says what it said.
func TestLoanOfOneThatIsNamed(t *testing.T) {
	tend, path := lending(t)
	g := &tended{n: 3, plan: tend.current, silent: true}
	tend.tended[3] = g
	tend.lendPidFile(g)
	if err := pidfile.Write(path, 1); err != nil { // as the successor does
		t.Fatal(err)
	}
	tend.wanted = herd.Publish{App: 3, Old: 2}
	tend.mourn(g)
	if pid, err := pidfile.Read(path); err != nil || pid != 1 {
		t.Errorf("the pid file says %d, %v", pid, err)
	}
	tend.Publish(herd.Publish{App: 2})
	if pid, err := pidfile.Read(path); err != nil || pid != os.Getpid() {
		t.Errorf("the pid file says %d, %v", pid, err)
	}
}

// lending is a tender whose generation 2, this process, serves and has written the pid file itself.
func lending(t *testing.T) (*tender, string) {
	t.Helper()
	self, err := proc.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	tend, _ := tending(t)
	if tend.spawner, err = proc.NewSpawner(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(tend.done); tend.follower.Close(); tend.spawner.Close(); self.Close() })
	path := filepath.Join(t.TempDir(), "app.pid")
	tend.current = &plan{
		path:   filepath.Join(t.TempDir(), "gone"),
		config: &config.Config{Name: "app", Kind: dialect.Fresh, Dialect: "unicorn", Pidfile: path, Command: []string{"gone"}},
	}
	tend.tended[2] = &tended{n: 2, plan: tend.current, master: self}
	if events := tend.Publish(herd.Publish{App: 2}); len(events) != 0 {
		t.Fatal(events)
	}
	tend.takeBackPidFile(tend.tended[2])
	if !tend.serverWrites {
		t.Fatal("it does not know that the server writes")
	}
	return tend, path
}
