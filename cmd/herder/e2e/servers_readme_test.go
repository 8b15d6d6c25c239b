package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// serverResult is a line of the table in the README.
type serverResult struct {
	server, version, kind, network string
	upgrades, requests             int
	lost, crash, kill, stop, scale string
}

type serverResults struct {
	mu   sync.Mutex
	rows []serverResult
}

func newServerResults() *serverResults { return &serverResults{} }

func (r *serverResults) add(row serverResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

func (r *serverResults) compare(t *testing.T) {
	for _, row := range r.rows {
		t.Logf("%+v", row)
	}
}

var versionText = regexp.MustCompile(`\d+(\.\d+)+`)

// saysVersion asks the server.
func (r serverRow) saysVersion(t *testing.T) string {
	t.Helper()
	argv := strings.Fields(r.version)
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if version := versionText.FindString(string(out)); err == nil && version != "" {
		return version
	}
	t.Fatalf("%s: %v: %s", r.version, err, out)
	return ""
}
