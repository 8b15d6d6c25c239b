package ready

import (
	"os"
	"testing"

	"github.com/herderd/herder/supervisor/leaktest"
)

// TestMain is also the entry of the programs that this binary plays in tests,
// and fails the run when goroutines, fds or children are left.
func TestMain(m *testing.M) {
	if role := os.Getenv("READY_TEST_ROLE"); role != "" {
		play(role)
		os.Exit(0)
	}
	os.Exit(leaktest.Run(m))
}
