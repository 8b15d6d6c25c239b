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

// A successor that ends with its first breath is not waited for until the end.
func TestSuccessorGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"fleeting": true})
	said := old.renew(unchanged).untilOver()
	if said.failed != "the successor ended as soon as it was there" {
		t.Errorf("%q", said.failed)
	}
	old.untilServes(2)
}

// Looks are close to each other after each asking, and not only after the first.
func TestLooksAfterAsking(t *testing.T) {
	start := time.Now()
	s := &seek{since: start}
	if got := s.pause(start.Add(5 * time.Second)); got != longPause {
		t.Errorf("%s after a while", got)
	}
	s.again = start.Add(5 * time.Second)
	if got := s.pause(start.Add(5*time.Second + shortPause)); got != shortPause {
		t.Errorf("%s after it was asked again", got)
	}
}
