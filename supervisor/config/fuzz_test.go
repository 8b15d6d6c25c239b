package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herderd/herder/supervisor/dialect"
)

// FuzzLoad: whatever is in the file, the answer is a whole Config or a list of
// mistakes with places in the file.
func FuzzLoad(f *testing.F) {
	reference, err := os.ReadFile("reference.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference)
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newReader()
		r.parse("/etc/herder/shop.toml", text)
		r.finish()
		if len(r.mistakes) == 0 {
			whole(t, r.c)
		}
		for _, m := range r.mistakes.sorted() {
			lines := strings.Split(string(text), "\n")
			if m.Line < 0 || m.Line > len(lines) || m.Line > 0 && (m.Column < 1 || m.Column > len(lines[m.Line-1])+1) {
				t.Errorf("no such place: %v", m)
			}
		}
	})
}

// whole: everything that the rest of the program counts on.
func whole(t *testing.T, c *Config) {
	if len(c.Command) == 0 || c.Command[0] == "" || c.Name != fileName(c.Name) || c.Name == "" {
		t.Errorf("name %q, command %q", c.Name, c.Command)
	}
	for _, path := range []string{c.Directory, c.RuntimeDir} {
		if !filepath.IsAbs(path) {
			t.Errorf("%q is not absolute", path)
		}
	}
	if c.Workers < 1 || c.StartTries < 1 || c.ReadyTimeout <= 0 || c.StopTimeout <= 0 || c.Overlap < 0 || c.Row().Says[dialect.Graceful] == "" || c.Row().Says[dialect.Quick] == "" || !c.Row().Can(c.Kind) {
		t.Errorf("%+v", c)
	}
}

// FuzzSplit: what is split and quoted again is split into the same words.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{`a "b c" 'd'\ e`, "a$", `"\`, "''", "a\tb\nc"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := split(text)
		if bad, ok := errors.AsType[*splitError](err); ok && (bad.at < 0 || bad.at >= len(text)) {
			t.Errorf("byte %d of %q", bad.at, text)
		}
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if again, err := split(strings.Join(quoted, " ")); err != nil || !slices.Equal(again, words) {
			t.Errorf("%q, quoted %q, %v", words, again, err)
		}
	})
}
