package foreign

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/leaktest"
	"github.com/herderd/herder/supervisor/proc"
)

// patience bounds every wait of the tests: a failure, not a pace.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if err := proc.Subreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(leaktest.Run(m))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// buryAll ends all that the test has started, and waits for it as the herder does.
func buryAll(t *testing.T) {
	st, err := proc.Proc.Stat(os.Getpid())
	check(t, err)
	if left, err := proc.Proc.KillTree(st.Ref(), patience); err != nil {
		t.Errorf("left %v: %v", left, err)
	}
	for {
		exit, ok, err := proc.Peek()
		if err != nil || !ok {
			return
		}
		_, err = proc.Reap(exit.PID)
		check(t, err)
	}
}
