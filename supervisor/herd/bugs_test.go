package herd

import (
	"slices"
	"testing"
	"time"
)

// Bugs put in on purpose, each by a change of one cell: what proves that the
// stories and the search would find the next one.

type seededBug struct {
	name  string
	world string // where the search must find it; empty: the stories must
	seed  func()
}

// instead makes a cell do something else.
func instead(k Kind, p Phase, do func(h *Herd, now time.Time, e Event)) func() {
	return func() { herdTable[k][p].do = do }
}

// then makes a cell do something more.
func then(k Kind, p Phase, more func(h *Herd, now time.Time, e Event)) func() {
	return func() {
		do := herdTable[k][p].do
		herdTable[k][p].do = func(h *Herd, now time.Time, e Event) { do(h, now, e); more(h, now, e) }
	}
}

// first makes a cell do something before.
func first(k Kind, p Phase, before func(h *Herd, now time.Time, e Event)) func() {
	return func() {
		do := herdTable[k][p].do
		herdTable[k][p].do = func(h *Herd, now time.Time, e Event) { before(h, now, e); do(h, now, e) }
	}
}

// keeps makes a cell leave a part of the state as it was.
func keeps[V any](k Kind, p Phase, part func(*Herd) *V) func() {
	return func() {
		do := herdTable[k][p].do
		herdTable[k][p].do = func(h *Herd, now time.Time, e Event) {
			was := *part(h)
			do(h, now, e)
			*part(h) = was
		}
	}
}

// genFirst makes a cell of the other table do something before.
func genFirst(f Fact, p GenPhase, before func(*Herd, *generation)) func() {
	return func() {
		do := genTable[f][p].do
		genTable[f][p].do = func(h *Herd, g *generation, now time.Time, e Event) Kind {
			before(h, g)
			return do(h, g, now, e)
		}
	}
}

func genInstead(f Fact, p GenPhase, c genCell) func() { return func() { genTable[f][p] = c } }

func sealsFirst(e Effect) int {
	if _, ok := e.(Seal); ok {
		return 0
	}
	return 1
}

var nothing = genCell{"nothing", func(*Herd, *generation, time.Time, Event) Kind { return quiet }}

// unsaid drops what the step would tell a generation.
func (h *Herd) unsaid(n int) {
	h.out = slices.DeleteFunc(h.out, func(e Effect) bool { t, ok := e.(Tell); return ok && t.Gen == n })
}

var seededBugs = []seededBug{
	{"the old generation leaves when the successor is spawned", "upgrades",
		then(PreflightDone, Checking, func(h *Herd, now time.Time, _ Event) {
			if g := h.find(h.serving); g != nil {
				h.leave(g, now)
			}
		})},
	{"the old generation is never told to leave", "upgrades",
		instead(SuccessorServes, Upgrading, func(h *Herd, now time.Time, _ Event) {
			h.crown(now)
			h.outgoing = 0
			h.conclude(now, Upgraded, "")
			h.settle(now)
		})},
	{"the old generation is told to quit unsealed", "overlap",
		first(HerdDue, Overlapping, func(h *Herd, now time.Time, _ Event) { h.quit(h.find(h.outgoing), now) })},
	{"the old one's death rolls the upgrade back", "crashes", instead(ServingLost, Upgrading, (*Herd).rollBack)},
	{"a death during the overlap starts a third generation", "overlap", instead(ServingLost, Overlapping, (*Herd).recover)},
	{"the successor is ready with its first worker", "a bit of everything", genInstead(factUp, Booting, genCell{"", func(h *Herd, g *generation, now time.Time, e Event) Kind {
		g.up, g.spoke, g.since = e.(Up).N, true, now
		g.enter(Whole, time.Time{})
		return SuccessorServes
	}})},
	{"a master is ready before it has spoken", "no workers",
		then(AskedScale, Starting, func(h *Herd, now time.Time, _ Event) {
			if g := h.find(h.successor); g != nil {
				g.spoke = true
				h.fit(now)
			}
		})},
	{"a USR2 during an upgrade is forgotten", "upgrades", instead(AskedUpgrade, Upgrading, (*Herd).tooLate)},
	{"a USR2 during a start that fails is forgotten", "crashes",
		first(SuccessorLost, Starting, func(h *Herd, _ time.Time, _ Event) { h.again = false })},
	{"a second upgrade begins while one runs", "upgrades", instead(AskedUpgrade, Upgrading, (*Herd).check)},
	{"QUIT to .oldbin is obeyed before the successor serves", "signals",
		instead(ServingQuit, Upgrading, func(h *Herd, now time.Time, _ Event) { h.leave(h.find(h.serving), now) })},
	{"QUIT to .oldbin is forgotten", "overlap", instead(ServingQuit, Upgrading, (*Herd).tooLate)},
	{"QUIT to what was .oldbin a moment ago stops the herd", "signals", instead(ServingQuit, Serving, (*Herd).quitHerd)},
	{"QUIT during the preflight stops the herd", "signals", instead(ServingQuit, Checking, (*Herd).quitHerd)},
	{"QUIT after a refused upgrade stops the herd", "signals",
		then(HerdDue, Checking, func(h *Herd, _ time.Time, _ Event) { h.mercy = time.Time{} })},
	{"a QUIT that was held for a refused upgrade is carried out by the next", "",
		func() {
			do := herdTable[PreflightDone][Checking].do
			herdTable[PreflightDone][Checking].do = func(h *Herd, now time.Time, e Event) {
				held := h.whole() && h.find(h.serving).held
				do(h, now, e)
				if h.whole() {
					h.find(h.serving).held = held
				}
			}
		}},
	{"mercy is for whoever serves", "", keeps(SuccessorServes, Upgrading, func(h *Herd) *time.Time { return &h.mercy })},
	{"a held QUIT outlives the rollback", "",
		then(SuccessorLost, Upgrading, func(h *Herd, _ time.Time, _ Event) {
			if g := h.find(h.serving); g != nil {
				g.held = true
			}
		})},
	{"backing out leaves the successor alone", "signals", instead(SuccessorQuit, Upgrading, (*Herd).rollBack)},
	{"a failed upgrade keeps its policy", "a bit of everything", keeps(SuccessorLost, Upgrading, func(h *Herd) *Policy { return &h.policy })},
	{"a failed upgrade keeps its number of workers", "a bit of everything", keeps(SuccessorLost, Upgrading, func(h *Herd) *int { return &h.workers })},
	{"turning back keeps the policy", "a bit of everything", keeps(ServingQuit, Overlapping, func(h *Herd) *Policy { return &h.policy })},
	{"a settled generation that was upgraded does not count", "no retry", keeps(SuccessorServes, Upgrading, func(h *Herd) *bool { return &h.settled })},
	{"given up although another one serves", "crashes",
		instead(SuccessorLost, Upgrading, func(h *Herd, now time.Time, _ Event) {
			h.verdict = Verdict{Outcome: NeverServed}
			h.disband(now, Stopping, h.leave)
		})},
	{"a boot may last for ever", "crashes", genInstead(factDue, Booting, nothing)},
	{"queues may take for ever", "upgrades", genInstead(factDue, Sealing, nothing)},
	{"quitting may take for ever", "upgrades", genInstead(factDue, Retiring, nothing)},
	{"what the kernel does not end is waited for", "upgrades", genInstead(factDue, Ending, nothing)},
	{"a lost preflight is waited for", "upgrades", instead(HerdDue, Checking, (*Herd).tooLate)},
	{"the pause never ends", "crashes", instead(HerdDue, Waiting, (*Herd).tooLate)},
	{"a preflight's answer spawns after TERM", "impatience", instead(PreflightDone, Stopping, (*Herd).checked)},
	{"TERM forgets the successor", "impatience",
		then(AskedStop, Upgrading, func(h *Herd, _ time.Time, _ Event) {
			for i := range h.gens {
				if g := &h.gens[i]; !g.served() {
					h.unsaid(g.n)
					g.enter(Booting, time.Time{})
				}
			}
		})},
	{"TERM seals while a successor may still accept", "impatience",
		then(AskedStop, Upgrading, func(h *Herd, _ time.Time, _ Event) {
			slices.SortStableFunc(h.out, func(a, b Effect) int { return sealsFirst(a) - sealsFirst(b) })
		})},
	{"TERM forgets who waits for an upgrade", "impatience",
		first(AskedStop, Checking, func(h *Herd, _ time.Time, _ Event) { h.callers = nil })},
	{"a caller is answered twice", "a bit of everything",
		then(AskedScale, Serving, func(h *Herd, _ time.Time, e Event) { h.reply(id(e), Accepted, "") })},
	{"a second TERM is not heard", "", instead(AskedStop, Stopping, (*Herd).accepted)},
	{"a second INT does not kill", "", instead(AskedQuick, Hurrying, (*Herd).accepted)},
	{"it ends while something is there", "impatience",
		first(ServingLost, Stopping, func(h *Herd, now time.Time, _ Event) { h.gens = nil })},
	{"the end is not noticed when the serving generation went first", "impatience", instead(Departed, Stopping, (*Herd).goOn)},
	{"what is gone is not released", "upgrades", genInstead(factEmptied, Sealing, nothing)},
	{"what is left when a master dies is not told", "", genInstead(factDied, Retiring, masterly)},
	{"a dead master keeps its pid file", "crashes", func() {
		do := genTable[factDied][Whole].do
		genTable[factDied][Whole].do = func(h *Herd, g *generation, now time.Time, e Event) Kind {
			k := do(h, g, now, e)
			g.headless = false
			return k
		}
	}},
	{"numbers are used again", "crashes", first(HerdDue, Waiting, func(h *Herd, _ time.Time, _ Event) { h.last-- })},
	{"an unsettled crash restarts without a pause", "", instead(ServingLost, Serving, (*Herd).start)},
	{"a pid file that could not be written is not written again", "", instead(PidFileTouched, Serving, (*Herd).tooLate)},
	{"rolling: both have all workers at once", "rolling",
		genFirst(factUp, Booting, func(h *Herd, g *generation) { h.resize(g, h.workers) })},
	{"rolling: the old one is emptied", "rolling",
		genFirst(factUp, Booting, func(h *Herd, _ *generation) {
			if h.whole() {
				h.resize(h.find(h.serving), 0)
			}
		})},
	{"rolling: the successor waits for an old one that died", "rolling", func() {
		herdTable[ServingOrphaned][Upgrading], herdTable[ServingLost][Upgrading] = goOn, goOn
	}},
	{"a generation that leaves by itself is counted on", "", genInstead(factFailed, Whole, genLate)},
	{"a lost generation waits for the whole preflight", "", instead(ServingLost, Checking, (*Herd).goOn)},
	{"a socket is left without a worker", "sockets of their own",
		instead(AskedScale, Serving, func(h *Herd, _ time.Time, e Event) { h.resize(h.find(h.serving), 1); h.reply(id(e), Accepted, "") })},
	{"rolling, a socket of the old generation is left without a worker", "rolling sockets",
		genFirst(factUp, Booting, func(h *Herd, _ *generation) {
			if old := h.find(h.serving); old != nil {
				old.least = 0
			}
		})},
	{"a refused preflight forgets that nothing serves", "crashes",
		instead(HerdDue, Checking, func(h *Herd, now time.Time, _ Event) {
			h.conclude(now, Refused, "")
			h.phase, h.due = Serving, time.Time{}
		})},
}

// TestSeededBugs: each bug is found, where it must be.
func TestSeededBugs(t *testing.T) {
	stories := readStories(t)
	for _, b := range seededBugs {
		t.Run(b.name, func(t *testing.T) {
			wasHerd, wasGen := herdTable, genTable
			defer func() { herdTable, genTable = wasHerd, wasGen }()
			b.seed()
			if b.world == "" {
				if !slices.ContainsFunc(stories, func(s toldStory) bool { return s.retell() != "" }) {
					t.Error("no story comes out otherwise")
				}
				return
			}
			a := arenas[slices.IndexFunc(arenas, func(a arena) bool { return a.name == b.world })]
			n, f := a.explore(bugLimit)
			if f == nil {
				t.Fatalf("not found in %d states", n)
			}
			t.Logf("found in state %d, after %d moves: %v", n, len(f.trace), f.err)
		})
	}
}
