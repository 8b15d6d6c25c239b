package supervisor

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing may be left of a run; the kernel of these tests is a fake, so what
// could be left is goroutines. cmd/herder/e2e counts descriptors and children.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
