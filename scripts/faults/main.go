// Command faults writes COVERAGE.md: which test covers which fault.
//
// A test covers the rows that its name begins with: func TestL3StaleUnixPath covers L3, func TestB1B10Refuses covers B1 and
// B10, and so does the script testdata/B1_B10_refuses.txtar. Run it from anywhere in the repository:
//
//	go run ./scripts/faults           write the table; refused when fewer rows are covered than before
//	go run ./scripts/faults -check    fail when the table is stale, or a row that was covered no longer is
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "do not write, but fail when the table is stale")
	drop := flag.Bool("drop", false, "allow that fewer rows are covered than before")
	flag.Parse()
	if err := run(*check, *drop); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(check, drop bool) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	rows, err := readRows(filepath.Join(root, "scripts/faults/rows.txt"))
	if err != nil {
		return err
	}
	tests, err := findTests(root)
	if err != nil {
		return err
	}
	text, covered, err := table(rows, tests)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "scripts/faults/COVERAGE.md")
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if before := coveredIn(old); covered < before && !drop {
		return fmt.Errorf("%d rows are covered, but %d were: a test is gone or renamed", covered, before)
	}
	fmt.Printf("%d of %d rows are covered by %d tests\n", covered, len(rows), len(tests))
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("scripts/faults/COVERAGE.md is stale; run: go run ./scripts/faults")
	}
	return nil
}

// findRoot looks upward for go.mod.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == "/" {
			return "", fmt.Errorf("no go.mod here or above")
		}
	}
}

type row struct{ id, title string }

func readRows(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		id, title, _ := strings.Cut(strings.TrimSpace(line), " ")
		if id != "" && id != "#" {
			rows = append(rows, row{id, title})
		}
	}
	return rows, nil
}

// test is one test, and the rows its name begins with.
type test struct {
	name, file string
	rows       []string
}

var (
	function = regexp.MustCompile(`(?m)^func Test((?:[BUWHSLKP][0-9]+)+)(?:[A-Z_]\w*)?\(\w+ \*testing\.T\)`)
	functor  = regexp.MustCompile(`^func (Test\w+)`)
	id       = regexp.MustCompile(`[BUWHSLKP][0-9]+`)
	story    = regexp.MustCompile(`^((?:[BUWHSLKP][0-9]+_)*[BUWHSLKP][0-9]+)(?:_.*)?\.txtar$`)
)

func findTests(root string) ([]test, error) {
	var tests []test
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if m := story.FindStringSubmatch(entry.Name()); m != nil {
			tests = append(tests, test{name: strings.TrimSuffix(entry.Name(), ".txtar"), file: file, rows: id.FindAllString(m[1], -1)})
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			name := functor.FindStringSubmatch(m[0])[1]
			tests = append(tests, test{name: name, file: file, rows: id.FindAllString(m[1], -1)})
		}
		return nil
	})
	return tests, err
}

// last is the last number of each letter in the whole catalogue; rows.txt has those this version must cover.
var last = map[byte]int{'B': 18, 'U': 21, 'W': 17, 'H': 18, 'S': 5, 'L': 18, 'K': 10, 'P': 8}

func catalogued(row string) bool {
	n, err := strconv.Atoi(row[1:])
	return err == nil && n >= 1 && n <= last[row[0]]
}

// table is the text of COVERAGE.md and the number of rows with a test.
func table(rows []row, tests []test) ([]byte, int, error) {
	known := map[string][]string{}
	for _, r := range rows {
		known[r.id] = nil
	}
	for _, t := range tests {
		for _, r := range t.rows {
			if _, ok := known[r]; !ok && !catalogued(r) {
				return nil, 0, fmt.Errorf("%s in %s names the row %s, which the catalogue does not have", t.name, t.file, r)
			}
			known[r] = append(known[r], fmt.Sprintf("[%s](../../%s)", t.name, filepath.ToSlash(t.file)))
		}
	}
	covered := 0
	var lines strings.Builder
	for _, r := range rows {
		names := known[r.id]
		slices.Sort(names)
		if len(names) > 0 {
			covered++
		}
		fmt.Fprintf(&lines, "| %s | %s | %s |\n", r.id, r.title, strings.Join(names, "<br>"))
	}
	var text bytes.Buffer
	text.WriteString("# Which test covers which fault\n\nWritten by `go run ./scripts/faults`; do not edit. Each test injects the fault for real.\n\n")
	fmt.Fprintf(&text, "Covered: %d of %d.\n\n| row | fault | tests |\n| --- | --- | --- |\n%s", covered, len(rows), lines.String())
	return text.Bytes(), covered, nil
}

// coveredIn is the number that stands in a table written before; 0 without one.
func coveredIn(text []byte) int {
	n := 0
	if _, rest, ok := bytes.Cut(text, []byte("\nCovered: ")); ok {
		_, _ = fmt.Sscan(string(rest), &n)
	}
	return n
}
