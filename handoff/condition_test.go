package handoff

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func conditionT(t testing.TB, l *Listener) Condition {
	t.Helper()
	c, err := l.Condition()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConditionOfASoundListener(t *testing.T) {
	for text, want := range map[string]Condition{
		"127.0.0.1:0": {Backlog: DefaultBacklog, Granted: DefaultBacklog},
		"127.0.0.1:0,backlog=64,nonblocking,reuseport=2": {Backlog: 64, Granted: 64, Asked: 64, NonBlocking: true, Want: NonBlocking},
		"unix:" + sockPath(t) + ",backlog=7,blocking":    {Backlog: 7, Granted: 7, Asked: 7, Want: Blocking},
		"unix:@" + t.Name():                              {Backlog: DefaultBacklog, Granted: DefaultBacklog},
		"udp:127.0.0.1:0":                                {},
	} {
		if got := conditionT(t, openT(t, text)); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// Each thing that somebody does is seen by the look, which leaves it so, and no longer after the mending.
func TestConditionOfASpoiledListener(t *testing.T) {
	for what, text := range map[string]string{
		"shutdown": "127.0.0.1:0,reuseport=2", "blocking": "127.0.0.1:0,nonblocking", "listen5": "127.0.0.1:0,backlog=64",
	} {
		l := openT(t, text)
		sound := conditionT(t, l)
		meddleT(t, l, what)
		for range 2 {
			c := conditionT(t, l)
			seen := map[string]bool{"shutdown": c.Down, "blocking": !c.NonBlocking && c.Want == NonBlocking, "listen5": c.Backlog == 5 && c.Granted == 64}
			if !seen[what] {
				t.Errorf("%s: %+v", what, c)
			}
		}
		if _, err := l.Repair(); err != nil {
			t.Fatal(err)
		}
		if c := conditionT(t, l); c != sound {
			t.Errorf("%s, mended: %+v, want %+v", what, c, sound)
		}
	}
}

// Who sets O_NONBLOCK makes that the rule, once it has been seen.
func TestConditionKnowsWhatHoldersCountOn(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	meddleT(t, l, "nonblocking")
	if c := conditionT(t, l); c.Want != WaitAny || !c.NonBlocking {
		t.Errorf("%+v", c)
	}
	repairT(t, l)
	meddleT(t, l, "blocking")
	if c := conditionT(t, l); c.Want != NonBlocking || c.NonBlocking {
		t.Errorf("%+v", c)
	}
}

func TestConditionSeesALostName(t *testing.T) {
	path := sockPath(t)
	l := openT(t, "unix:"+path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if c := conditionT(t, l); !c.NoPublic {
		t.Errorf("removed: %+v", c)
	}
	other := openT(t, "unix:"+path)
	if c := conditionT(t, l); !c.NoPublic {
		t.Errorf("taken by another: %+v", c)
	}
	if c := conditionT(t, other); c.NoPublic {
		t.Errorf("the other: %+v", c)
	}
}

func TestConditionAfterSealAndClose(t *testing.T) {
	l := openT(t, "unix:"+sockPath(t))
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	if c := conditionT(t, l); !c.Sealed || c.NoPublic || c.Down {
		t.Errorf("sealed: %+v", c)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Condition(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestConditionKnowsWhatTheKernelLeftOfTheBacklog(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for _, c := range strings.TrimSpace(string(text)) {
		most = 10*most + int(c-'0')
	}
	l := openT(t, "127.0.0.1:0,backlog=1000000")
	if c := conditionT(t, l); c.Asked != 1000000 || c.Granted != most || c.Backlog != most {
		t.Errorf("%+v, somaxconn is %d", c, most)
	}
	if err := unix.Listen(l.FDs()[0], 3); err != nil {
		t.Fatal(err)
	}
	if c := conditionT(t, l); c.Granted != most || c.Backlog != 3 {
		t.Errorf("%+v, somaxconn is %d", c, most)
	}
}

// What a kernel does not let us do is told with what it wants, and not with what a bind would.
func TestSealNotPermitted(t *testing.T) {
	err := openT(t, "127.0.0.1:0").explain("seal", unfiltered(unix.EPERM))
	if !strings.Contains(err.Error(), "CAP_NET_ADMIN") || !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
}
