package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a/a_test.go", "func TestB1Missing(t *testing.T) {}\nfunc TestB2L3Two(t *testing.T) {}\nfunc TestBig(t *testing.T) {}\n\tfunc TestB4(t *testing.T)\n")
	write("a/testdata/L3_stale.txtar", "")
	write("a/testdata/quickstart.txtar", "")
	write("a/b.go", "func TestB3Not(t *testing.T) {}\n")
	tests, err := findTests(root)
	if err != nil {
		t.Fatal(err)
	}
	rows := []row{{"B1", "one"}, {"B2", "two"}, {"B3", "three"}, {"B4", "four"}, {"L3", "five"}}
	text, covered, err := table(rows, tests)
	if err != nil || covered != 3 || coveredIn(text) != 3 {
		t.Errorf("covered %d, in the text %d: %v", covered, coveredIn(text), err)
	}
	for _, want := range []string{
		"| B1 | one | [TestB1Missing](../../a/a_test.go) |\n",
		"| B3 | three |  |\n",
		"| L3 | five | [L3_stale](../../a/testdata/L3_stale.txtar)<br>[TestB2L3Two](../../a/a_test.go) |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
	write("a/c_test.go", "func TestL99Unknown(t *testing.T) {}\n")
	if tests, err = findTests(root); err != nil {
		t.Fatal(err)
	}
	if _, _, err = table(rows, tests); err == nil {
		t.Error("a row that does not exist passes")
	}
}

// The scope is ninety rows, and four of servers that start their successor themselves; a row is not dropped by forgetting it.
func TestNoRowIsForgotten(t *testing.T) {
	rows, err := readRows("rows.txt")
	if err != nil || len(rows) != 94 {
		t.Errorf("%d rows (%v), want 94", len(rows), err)
	}
}
