package master

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

// workerKey makes the test binary a worker of the given kind.
const workerKey = "HERDER_TEST_WORKER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "master" {
		os.Exit(Run())
	}
	if kind := os.Getenv(workerKey); kind != "" {
		if err := workers[kind](); err != nil {
			fmt.Fprintln(os.Stderr, "worker", kind+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := proc.Subreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := leaktest.Run(m)
	if code != 0 {
		clean()
	}
	os.Exit(code)
}

// clean ends what failed tests have left.
func clean() {
	if st, err := proc.Proc.Stat(os.Getpid()); err == nil {
		_, _ = proc.Proc.KillTree(st.Ref(), patience)
	}
	for {
		exit, ok, err := proc.Peek()
		if err != nil || !ok {
			return
		}
		_, _ = proc.Reap(exit.PID)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
