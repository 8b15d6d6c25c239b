package supervisor

import (
	"os"
	"testing"

	"github.com/herderd/herder/supervisor/leaktest"
)

// Nothing may be left of a run. The kernel of most tests is a fake, so cmd/herder/e2e counts descriptors and children of a real one.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
