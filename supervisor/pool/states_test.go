package pool

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

//go:generate go test -run TestStatesFresh -rewrite .

// TestStatesFresh compares STATES.md with the tables; -rewrite writes it.
func TestStatesFresh(t *testing.T) {
	want := statesPage()
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile("STATES.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("STATES.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("STATES.md is not what the tables say; run go generate")
	}
}

func statesPage() string {
	var b strings.Builder
	b.WriteString("# What happens when: the workers of a native master\n\n" +
		"Printed from the tables in `orders.go` and `phase.go`; do not edit (`go generate`).\n" +
		"**Bold** is a verb that is done, plain text says why nothing is, ⚠ is impossible and said loudly.\n\n" +
		"## The whole pool: want × order\n\n| order |")
	for want := range wants {
		fmt.Fprintf(&b, " %v |", want)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", int(wants)+1) + "\n")
	for w := range words {
		fmt.Fprintf(&b, "| %v |", w)
		for want := range wants {
			c := orders[want][w]
			b.WriteString(cellText(c.name, c.why, c.bug))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## One worker: phase × news\n\n| news |")
	for ph := range phases {
		fmt.Fprintf(&b, " %v |", ph)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", int(phases)+1) + "\n")
	for n := range newses {
		fmt.Fprintf(&b, "| %v |", n)
		for ph := range phases {
			c := cells[ph][n]
			b.WriteString(cellText(c.name, c.why, c.bug))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func cellText(name, why string, bug bool) string {
	switch {
	case name != "":
		return " **" + name + "** |"
	case bug:
		return " ⚠ " + why + " |"
	}
	return " " + why + " |"
}
