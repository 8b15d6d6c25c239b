package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxMistakes bounds the list: a file of another kind is wrong in every line.
const maxMistakes = 50

// A Mistake is one thing that is wrong, and where.
type Mistake struct {
	File   string // "" for a flag
	Line   int    // from 1; 0: the file as a whole
	Column int    // from 1, in bytes
	Flag   string // as "--workers"
	What   string
}

// Error is "FILE:LINE:COLUMN: what", "FILE: what" or "--flag: what".
func (m Mistake) Error() string {
	switch {
	case m.Flag != "":
		return m.Flag + ": " + m.What
	case m.File == "":
		return m.What
	case m.Line == 0:
		return m.File + ": " + m.What
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.What)
}

// Mistakes are all mistakes of one configuration, in the order of the file.
type Mistakes []Mistake

// Error is one line for each.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts them in the order of the file, flags last.
func (ms Mistakes) sorted() Mistakes {
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	ms = slices.Compact(ms)
	if len(ms) > maxMistakes {
		more := Mistake{File: ms[0].File, What: fmt.Sprintf("and %d mistakes more", len(ms)-maxMistakes)}
		ms = append(ms[:maxMistakes:maxMistakes], more)
	}
	return ms
}
