package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/herderd/herder/pidfile"
)

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
