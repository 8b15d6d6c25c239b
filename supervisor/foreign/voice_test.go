package foreign

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Why a successor dies is in the pipes of its predecessor; what that one wrote before is no part of it.
func TestSuccessorsWordsAreItsOwn(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"chatter": 3})
	old.until("its chatter", func(b book) bool { return slices.Contains(b.tail, "line 2") })
	w.mode(options{"chatter": 0, "boot": 0.5, "crash": 1})
	said := old.renew(unchanged).untilOver()
	if want := []string{"cannot load the app: it is broken"}; !slices.Equal(said.tail, want) {
		t.Errorf("its last words are %q, want %q", said.tail, want)
	}
}

// One that is gone before it is found has had its say, too.
func TestWordsOfOneThatWasNeverFound(t *testing.T) {
	w := newWorld(t)
	old := w.bound(options{"pid": w.path("pid")})
	w.mode(options{"crash": 1})
	said := old.renew(func(s *Spec) { s.seekFor = 2 * time.Second }).untilOver()
	if !slices.Contains(said.tail, "cannot load the app: it is broken") {
		t.Errorf("its last words are %q", said.tail)
	}
}

// The log of the first master takes what its successors write, when it is long gone; the last one closes it.
func TestLogOfAllSuccessors(t *testing.T) {
	w := newWorld(t)
	first := w.bound(options{})
	second := first.renew(unchanged)
	second.untilServes(2)
	first.say("quit", 0)
	first.untilOver()
	first.Close()
	w.mode(options{"chatter": 1})
	third := second.renew(unchanged)
	third.untilServes(2)
	w.until("the third one's line in the log", func() bool {
		text, err := os.ReadFile(w.path("log"))
		check(t, err)
		return strings.Contains(string(text), "line 0\n")
	})
	v := third.voice
	second.Close()
	third.Close()
	if _, err := v.log.Write([]byte("x")); err == nil {
		t.Error("the log is open although nobody follows any more")
	}
}
