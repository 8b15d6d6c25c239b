package herd

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// What a person or a process does to cause each event: the one thing about
// the tables that cannot be read from them.
var kindCauses = [numKinds]string{
	AskedUpgrade:      "HUP or USR2 to the herder or to a native master; `herder upgrade`; `sv 2`, `sv hup`, `systemctl reload`.",
	AskedStop:         "TERM or QUIT to the herder; `herder stop`; `sv down`, `systemctl stop`.",
	AskedQuick:        "INT to the herder; `herder stop --now`. A second TERM while stopping has the same effect.",
	AskedScale:        "TTIN or TTOU to the herder (one worker more, one fewer); `herder scale`.",
	AskedDrain:        "WINCH to the herder.",
	AskedReopen:       "USR1 to the herder.",
	PreflightDone:     "The preflight answers: the configuration was read and the app looked for, and it may be tried, or not.",
	PidFileTouched:    "Somebody changed or removed a pid file, or it could not be written.",
	SuccessorAppeared: "A foreign master of kind reexec has started its successor, because somebody sent it USR2 by its own pid file.",
	HerdDue:           "The deadline of the phase: the pause is over, the preflight has had its time, the overlap ends.",
	SuccessorServes:   "Enough workers of the successor are ready.",
	SuccessorLost:     "The successor could not be spawned, died, gave up, or was not ready in time.",
	ServingOrphaned:   "The serving generation's master died; workers of its are left, and serve.",
	ServingLost:       "Nothing is left of the serving generation, or it leaves by itself.",
	OutgoingLost:      "During the overlap, the old generation or its master died.",
	Departed:          "Nothing is left of a generation that was leaving.",
	ServingQuit:       "QUIT (or TERM, INT: quick) to the serving generation's master: the pid file, or .oldbin while a successor boots.",
	SuccessorQuit:     "QUIT to the master of a generation that boots: the pid file.",
	OutgoingQuit:      "QUIT to the old generation's master during the overlap: .oldbin.",
}

var phaseWords = [numPhases]string{
	Starting:    "No whole generation serves; one is booting.",
	Waiting:     "No whole generation serves; a start failed, and the next one is tried after a pause.",
	Serving:     "One generation serves, and nothing is under way. The only phase that may last.",
	Checking:    "An upgrade begins with its preflight. What served before goes on.",
	Upgrading:   "The successor boots beside the serving generation.",
	Overlapping: "The successor serves; the old generation still does, and takes over again if the new one is lost.",
	Stopping:    "Every generation was asked to finish and leave.",
	Hurrying:    "Every generation was asked to leave at once.",
	Done:        "Nothing is left. The run has a verdict.",
}

var factCauses = [numFacts]string{
	factStartFailed: "fork or exec failed.",
	factUp:          "The master says how many workers are ready.",
	factExtend:      "A worker that boots sends EXTEND_TIMEOUT_USEC.",
	factDoubt:       "Its processes listen where herder did not open a socket, and none of its workers is ready.",
	factFailed:      "The master gives its first start up and leaves by itself.",
	factDied:        "The master is gone; processes of its may be left.",
	factEmptied:     "No process of the generation is left.",
	factDrained:     "The listeners sealed for it have nobody waiting any more.",
	factDue:         "The phase has lasted too long.",
}

var genPhaseWords = [numGenPhases]string{
	Booting:  "Spawned, not ready. Until ready.timeout.",
	Whole:    "It serves.",
	Orphaned: "Its master is gone; its workers serve.",
	Sealing:  "It leaves: nobody new gets in, and it answers what waits in the queues. Until the queue timeout.",
	Retiring: "Told to quit, or to halt. Until the stop timeout, or the quick one.",
	Ending:   "Killed. Until the kill timeout, when it is given up: the kernel does not end it.",
	Gone:     "Nothing is left of it.",
}

// TestStatesFresh: STATES.md is what the tables say. go test -run States
// -rewrite prints it anew.
func TestStatesFresh(t *testing.T) {
	want := statesPage()
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile("STATES.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("STATES.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Fatal("STATES.md is not what the tables say; print it anew: go test -run States -rewrite ./supervisor/herd")
	}
}

func statesPage() string {
	var b strings.Builder
	b.WriteString(`# What happens when

Printed from the two tables in phase.go by ` + "`go test -run States -rewrite ./supervisor/herd`" + `; a test holds it fresh.
Moments that are not listed under an event cannot have it.

The herd as a whole is in one phase:

`)
	words(&b, numPhases, phaseWords[:])
	b.WriteString("\nEach generation is in a phase of its own:\n\n")
	words(&b, numGenPhases, genPhaseWords[:])
	b.WriteString("\n## What happens to the herd\n")
	for k := range numKinds {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| while | then |\n| --- | --- |\n", k, kindCauses[k])
		rows(&b, numPhases, func(p Phase) string { return herdTable[k][p].name }, bug.name)
	}
	b.WriteString("\n## What happens to a generation\n\nWhat it means for the herd follows from its role: serving, successor, outgoing, or none.\n")
	for f := range numFacts {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| while it is | then |\n| --- | --- |\n", f, factCauses[f])
		rows(&b, numGenPhases, func(p GenPhase) string { return genTable[f][p].name }, genBug.name)
	}
	return b.String()
}

// words lists every phase with what it means.
func words[P interface {
	~int
	fmt.Stringer
}](b *strings.Builder, n P, meaning []string) {
	b.WriteString("| phase | |\n| --- | --- |\n")
	for p := range n {
		fmt.Fprintf(b, "| %s | %s |\n", p, meaning[p])
	}
}

// rows prints what is decided for one event, the phases with the same
// decision together, in order of their first.
func rows[P interface {
	~int
	fmt.Stringer
}](b *strings.Builder, n P, decision func(P) string, impossible string) {
	var order []string
	phases := map[string][]string{}
	for p := range n {
		d := decision(p)
		if d == impossible {
			continue
		}
		if phases[d] == nil {
			order = append(order, d)
		}
		phases[d] = append(phases[d], p.String())
	}
	for _, d := range order {
		fmt.Fprintf(b, "| %s | %s |\n", strings.Join(phases[d], ", "), d)
	}
}

// TestEverythingHasWords: a new event or phase is explained.
func TestEverythingHasWords(t *testing.T) {
	for what, list := range map[string][]string{
		"kindCauses": kindCauses[:], "phaseWords": phaseWords[:], "factCauses": factCauses[:], "genPhaseWords": genPhaseWords[:],
	} {
		for i, s := range list {
			if s == "" {
				t.Errorf("%s[%d] is empty", what, i)
			}
		}
	}
}
