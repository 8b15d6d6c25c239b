package supervisor

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herderd/herder/pidfile"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/herd"
	"github.com/herderd/herder/supervisor/proc"
)

// H8: a pid file that is removed while the watch is made anew is put back, too.
func TestH8PidFileRemovedWhileNobodyWatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "herder.pid")
	own, err := pidfile.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tend := newTender(Options{Log: slog.New(slog.DiscardHandler)}, nil, own)
	tend.current = &plan{config: &config.Config{HerderPidfile: path}}
	tend.follow()
	select {
	case n := <-tend.notices:
		n()
	case <-time.After(30 * time.Second):
		t.Error("nobody looks")
	}
	if pid, err := pidfile.Read(path); err != nil || pid != os.Getpid() {
		t.Errorf("it says %d, %v", pid, err)
	}
	close(tend.done)
	tend.follower.Close()
}

// A pid file that could not be removed is removed later: an .oldbin that stays would name a process of somebody else some day.
func TestPidFileThatStayedIsRemovedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.pid.oldbin")
	tend := &tender{published: map[string]int{}}
	if err := tend.publish(path, 123); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil { // cannot be unlinked, even by root
		t.Fatal(err)
	}
	if err := tend.publish(path, 0); err == nil {
		t.Fatal("a directory was removed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := tend.publish(path, 0); err != nil {
		t.Fatal(err)
	}
	if pid, err := pidfile.Read(path); err == nil {
		t.Errorf("%s still says %d", path, pid)
	}
}

// While a successor is to write the pid file the name stays free, also when the generation before the serving one is gone
// at this moment: unicorn does not start beside a pid file that names a living process.
func TestPidFileStaysLent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.pid")
	self, err := proc.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	successor := &tended{n: 3, borrows: true}
	tend := &tender{published: map[string]int{}, tended: map[int]*tended{2: {n: 2, master: self}, 3: successor}}
	tend.published[path], tend.published[path+oldbin] = unknown, unknown // as lendPidFile leaves them

	if err := tend.publishAll(path, herd.Publish{App: 2}); err != nil {
		t.Fatal(err)
	}
	if pid, err := pidfile.Read(path); err == nil {
		t.Errorf("the pid file says %d while it is lent", pid)
	}
	if pid, err := pidfile.Read(path + oldbin); err != nil || pid != os.Getpid() {
		t.Errorf(".oldbin says %d, %v", pid, err)
	}

	successor.borrows = false // it has failed
	if err := tend.publishAll(path, herd.Publish{App: 2}); err != nil {
		t.Fatal(err)
	}
	if pid, err := pidfile.Read(path); err != nil || pid != os.Getpid() {
		t.Errorf("the pid file says %d, %v", pid, err)
	}
	if _, err := os.Lstat(path + oldbin); !os.IsNotExist(err) {
		t.Errorf(".oldbin is still there: %v", err)
	}
}
