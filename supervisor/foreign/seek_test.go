package foreign

import (
	"strings"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/proc"
)

// A daemon that is forked between two looks is in neither list for a moment: only a while without any says that none was left.
func TestNoDaemonIsSeenTwice(t *testing.T) {
	f, err := newFollower(Spec{Name: "app", Masters: &Masters{}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.giveBack()
	f.seek = seekDaemon(proc.Ref{})
	late := f.seek.since.Add(time.Second)
	if why := f.inVain(late); why != "" {
		t.Errorf("given up at the first look: %s", why)
	}
	if why := f.inVain(late.Add(steady)); why != "" {
		t.Errorf("given up too early: %s", why)
	}
	if why := f.inVain(late.Add(steady + 1)); !strings.Contains(why, "no daemon") {
		t.Errorf("after a while without any: %q", why)
	}
}
