// Package imports holds the import directions of the project:
//
//	cmd/herder → supervisor → {dialect proc ready control config master} → {herd pool}; supervisor → {handoff pidfile}
//
// A package that is not in the table fails the test: say there who it may import.
package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/herderd/herder"

// allowed says which packages of the project a package may import (its tests may import more).
var allowed = map[string][]string{
	"cmd/herder": {"supervisor", "supervisor/config", "supervisor/control", "supervisor/dialect", "supervisor/foreign", "supervisor/master",
		"supervisor/proc", "supervisor/ready", "supervisor/starter", "supervisor/herd", "supervisor/pool", "handoff", "pidfile", "contrib/hammer"},
	"cmd/herder/e2e": nil,
	"supervisor": {"supervisor/config", "supervisor/control", "supervisor/dialect", "supervisor/doctor", "supervisor/foreign", "supervisor/master",
		"supervisor/proc", "supervisor/ready", "supervisor/herd", "supervisor/pool", "handoff", "pidfile"},
	"supervisor/master":   {"supervisor/output", "supervisor/proc", "supervisor/ready", "supervisor/pool", "supervisor/dialect", "handoff"},
	"supervisor/config":   {"supervisor/proc", "supervisor/ready", "supervisor/dialect", "handoff"},
	"supervisor/foreign":  {"supervisor/dialect", "supervisor/master", "supervisor/output", "supervisor/proc", "supervisor/ready", "handoff", "pidfile"},
	"supervisor/starter":  {"supervisor/config", "supervisor/control", "supervisor/dialect", "supervisor/herd", "handoff"},
	"supervisor/ready":    {"supervisor/proc"},
	"supervisor/doctor":   {"handoff"},
	"supervisor/control":  nil,
	"supervisor/output":   nil,
	"supervisor/dialect":  {"handoff"},
	"supervisor/proc":     nil,
	"supervisor/leaktest": nil, // for tests alone
	"supervisor/herd":     nil,
	"supervisor/pool":     nil,
	"handoff":             nil,
	"pidfile":             nil,

	"contrib/hammer":           nil,
	"contrib/servers":          nil,
	"contrib/workers":          nil,
	"contrib/workers/goworker": nil,
	"scripts/imports":          nil,
	"scripts/faults":           nil,
	"scripts/bench":            {"contrib/hammer", "supervisor/control", "supervisor/dialect", "supervisor/proc", "supervisor/ready", "pidfile"},
	"scripts/bench/stamp":      nil,
	"packaging":                nil,
}

// pure packages decide only: no clock, lock, os, system call, network or log of their own.
var pure = []string{"supervisor/herd", "supervisor/pool", "supervisor/doctor"}

var impure = []string{"os", "syscall", "net", "log", "log/slog", "sync", "sync/atomic", "golang.org/x/sys/unix", "context", "io/fs"}

// banned from the program: os/exec waits for its children behind the reaper's back, and net/http costs each native master,
// which is the same binary, memory and time to start.
var banned = []string{"os/exec", "net/http"}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// owner is the entry of the table which p falls under: internal packages belong to the package above them.
func (p pkg) owner() string {
	before, _, _ := strings.Cut(p.name(), "/internal")
	return before
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestDirections(t *testing.T) {
	for _, p := range list(t) {
		may, known := allowed[p.owner()]
		if !known {
			t.Errorf("%s is not in the table of this test: which packages may it import?", p.name())
		}
		for _, imported := range p.Imports {
			of := pkg{ImportPath: imported}
			if strings.HasPrefix(imported, module) && of.owner() != p.owner() && !slices.Contains(may, of.owner()) {
				t.Errorf("%s imports %s; it may import %v", p.name(), of.name(), may)
			}
		}
	}
}

func TestPureCores(t *testing.T) {
	for _, p := range list(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(impure, imported) {
				t.Errorf("%s imports %s, but only decides", p.name(), imported)
			}
		}
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"time.Now(", "time.After", "time.Sleep(", "time.Since(", "time.Until(", "\tgo "} {
				if strings.Contains(string(text), call) {
					t.Errorf("%s uses %q: time is an argument, and there are no goroutines", path.Join(p.name(), file), call)
				}
			}
		}
	}
}

func TestNothingBannedInTheProgram(t *testing.T) {
	for _, p := range list(t) {
		if strings.HasPrefix(p.name(), "scripts/") || p.name() == "contrib/workers/goworker" {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(banned, imported) {
				t.Errorf("%s imports %s", p.name(), imported)
			}
		}
	}
}

// The hammer is used by `herder demo`, so it counts as part of the program; a library stays one.
func TestLibrariesStandAlone(t *testing.T) {
	for _, name := range []string{"handoff", "pidfile", "contrib/hammer", "supervisor/proc", "supervisor/herd", "supervisor/pool"} {
		if len(allowed[name]) > 0 {
			t.Errorf("%s must not import other packages of the project", name)
		}
	}
}
