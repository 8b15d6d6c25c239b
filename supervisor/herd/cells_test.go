package herd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tables are data, so a test can ask of each cell whether anything comes
// by it, and whether it matters that it is as it is.

func blankHerdCell(k Kind, p Phase, c cell) (restore func()) {
	was := herdTable[k][p]
	herdTable[k][p] = c
	return func() { herdTable[k][p] = was }
}

func blankGenCell(f Fact, p GenPhase, c genCell) (restore func()) {
	was := genTable[f][p]
	genTable[f][p] = c
	return func() { genTable[f][p] = was }
}

func eachHerdCell(visit func(name string, k Kind, p Phase)) {
	for k := range numKinds {
		for p := range numPhases {
			visit(fmt.Sprintf("%s, %s", k, p), k, p)
		}
	}
}

func eachGenCell(visit func(name string, f Fact, p GenPhase)) {
	for f := range numFacts {
		for p := range numGenPhases {
			visit(fmt.Sprintf("%s, a generation %s", f, p), f, p)
		}
	}
}

// TestEveryCell: each cell of both tables is decided and has a name, and the
// stories come by each one, except for exactly those that cannot happen.
func TestEveryCell(t *testing.T) {
	reached := watchCells(t)
	for _, s := range readStories(t) {
		if diff := s.retell(); diff != "" {
			t.Fatalf("the stories must hold first: %s", diff)
		}
	}
	check := func(at, name string, impossible bool) {
		switch {
		case name == "":
			t.Errorf("%s: not decided", at)
		case impossible && reached[at]:
			t.Errorf("%s: the table says it cannot happen, and it does", at)
		case !impossible && !reached[at]:
			t.Errorf("%s: no story comes by %q", at, name)
		}
	}
	eachHerdCell(func(at string, k Kind, p Phase) { check(at, herdTable[k][p].name, herdTable[k][p].name == bug.name) })
	eachGenCell(func(at string, f Fact, p GenPhase) {
		check(at, genTable[f][p].name, genTable[f][p].name == genBug.name)
	})
}

// watchCells lets every cell leave a mark when something comes by it.
func watchCells(t *testing.T) map[string]bool {
	reached := map[string]bool{}
	wasHerd, wasGen := herdTable, genTable
	t.Cleanup(func() { herdTable, genTable = wasHerd, wasGen })
	eachHerdCell(func(at string, k Kind, p Phase) {
		do := herdTable[k][p].do
		if do == nil {
			return
		}
		herdTable[k][p].do = func(h *Herd, now time.Time, e Event) { reached[at] = true; do(h, now, e) }
	})
	eachGenCell(func(at string, f Fact, p GenPhase) {
		do := genTable[f][p].do
		if do == nil {
			return
		}
		genTable[f][p].do = func(h *Herd, g *generation, now time.Time, e Event) Kind {
			reached[at] = true
			return do(h, g, now, e)
		}
	})
	return reached
}

// Cells that do nothing, on purpose: a blank one would do the same, so the
// test puts "cannot happen" in their place.
var idle = map[string]bool{late.name: true, goOn.name: true, noted.name: true, genLate.name: true}

// TestEveryCellMatters: with any one cell blank, some story comes out
// otherwise. Cells that cannot happen are left out: nothing comes by them,
// which TestEveryCell and the search hold.
func TestEveryCellMatters(t *testing.T) {
	stories := readStories(t)
	noticed := func() bool {
		for _, s := range stories {
			if s.retell() != "" {
				return true
			}
		}
		return false
	}
	nothing := cell{"blank", func(*Herd, time.Time, Event) {}}
	genNothing := genCell{"blank", func(*Herd, *generation, time.Time, Event) Kind { return quiet }}
	eachHerdCell(func(at string, k Kind, p Phase) {
		name, blank := herdTable[k][p].name, nothing
		if name == bug.name {
			return
		}
		if idle[name] {
			blank = bug
		}
		restore := blankHerdCell(k, p, blank)
		defer restore()
		if !noticed() {
			t.Errorf("%s: nobody misses %q", at, name)
		}
	})
	eachGenCell(func(at string, f Fact, p GenPhase) {
		name, blank := genTable[f][p].name, genNothing
		if name == genBug.name {
			return
		}
		if idle[name] {
			blank = genBug
		}
		restore := blankGenCell(f, p, blank)
		defer restore()
		if !noticed() {
			t.Errorf("%s: nobody misses %q", at, name)
		}
	})
}

// TestImpossibleIsLoud: whatever comes where the table says it cannot, there
// is a note about it, and nothing else changes.
func TestImpossibleIsLoud(t *testing.T) {
	h, _ := New(Defaults(), dawn)
	h.Step(dawn, Up{1, 1})
	before := h.Describe(dawn)
	for _, e := range []Event{StartFailed{1, "twice"}, Drained{1}} {
		got := write(h.Step(dawn, e))
		if !strings.HasPrefix(got, "bug ") || strings.Count(got, "\n") != 1 {
			t.Errorf("%T to a serving generation: %q, want one bug", e, got)
		}
	}
	h.occur(OutgoingLost, dawn, Emptied{2})
	if got := write(h.take()); got != "bug \"herd.Emptied while serving\"\n" {
		t.Errorf("the loss of an outgoing generation while serving: %q", got)
	}
	if after := h.Describe(dawn); after != before {
		t.Errorf("state changed:\n%s\n%s", before, after)
	}
}
