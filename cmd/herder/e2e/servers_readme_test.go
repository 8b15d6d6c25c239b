package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The README has a line for each server, written by
//
//	go test ./cmd/herder/e2e -run Servers -rewrite
//
// Without -rewrite what does not depend on the machine is compared: all but versions, the number of requests, and how many
// were lost where some may be. A run of some of the servers compares, or writes, their lines only.
var rewrite = flag.Bool("rewrite", false, "write the results of TestServers into the README")

const (
	tableBegins = "<!-- servers: written by go test ./cmd/herder/e2e -run Servers -rewrite -->\n"
	tableEnds   = "<!-- servers end -->\n"
	tableHead   = "| server | version | kind | network | upgrades | requests | lost | crash | kill | stop | scale |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)

// serverResult is a line of the table.
type serverResult struct {
	server, version, kind, network string
	upgrades, requests             int
	lost, crash, kill, stop, scale string
}

func (r serverResult) line() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %d | %d | %s | %s | %s | %s | %s |\n", r.server, r.version, r.kind, r.network,
		r.upgrades, r.requests, r.lost, r.crash, r.kill, r.stop, r.scale)
}

func (r serverResult) key() string { return tableKey(r.server, r.kind, r.network) }

func tableKey(server, kind, network string) string {
	return strings.Join([]string{server, kind, network}, " ")
}

type serverResults struct {
	mu   sync.Mutex
	rows []serverResult
}

func (r *serverResults) add(row serverResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// compare holds the README against the results, or makes it fit.
func (r *serverResults) compare(t *testing.T) {
	t.Helper()
	path := filepath.Join(rootDir, "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	table, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("README.md has no %q … %q", tableBegins, tableEnds)
	}
	lines := tableLines(table)
	for _, row := range r.rows {
		if got := lines[row.key()]; !*rewrite && lasting(got) != lasting(row.line()) {
			t.Errorf("README.md is stale (-rewrite writes it):\nit says %swant %s", got, row.line())
		}
		lines[row.key()] = row.line()
	}
	if *rewrite {
		text := before + tableBegins + tableOf(lines) + tableEnds + after
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tableLines are those of a table by their key.
func tableLines(table string) map[string]string {
	lines := map[string]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 11 {
			lines[tableKey(strings.TrimPrefix(cells[0], "| "), cells[2], cells[3])] = line
		}
	}
	return lines
}

func tableOf(lines map[string]string) string {
	text := strings.Builder{}
	text.WriteString(tableHead)
	for _, r := range serverRows {
		for _, network := range r.networks() {
			text.WriteString(lines[tableKey(r.server, r.kindName(), network)])
		}
	}
	text.WriteString("\n")
	for _, why := range reasons() {
		text.WriteString(strings.TrimSpace(mark(why)) + " " + why + "\n\n")
	}
	return text.String()
}

var someLost = regexp.MustCompile(`^\d+ \[`)

// lasting is what does not depend on the machine.
func lasting(line string) string {
	cells := strings.Split(line, " | ")
	if len(cells) == 11 {
		cells[1], cells[5] = "", ""
		cells[6] = someLost.ReplaceAllString(cells[6], "some [")
	}
	return strings.Join(cells, " | ")
}

// reasons are all that are given for what is not as one would wish, once each.
func reasons() (all []string) {
	seen := map[string]bool{"": true}
	for _, r := range serverRows {
		for _, why := range []string{r.scale, r.loses, r.cuts} {
			if !seen[why] {
				all = append(all, why)
			}
			seen[why] = true
		}
	}
	return all
}

// mark refers to a reason below the table; "" to none.
func mark(why string) string {
	for i, reason := range reasons() {
		if reason == why {
			return fmt.Sprintf(" [%d]", i+1)
		}
	}
	return ""
}

var versionText = regexp.MustCompile(`\d+(\.\d+)+`)

// saysVersion asks the server, or the package manager.
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
