package herd

import (
	"hash/maphash"
	"slices"
	"time"
)

// key is the state of herd and world as one number: two worlds with the same
// key will behave alike. Generations are told apart by their order alone, and
// times count from now; three failed starts are as good as more, for the pause
// has grown to its longest, and no world allows three tries. At 64 bits two of a million states would collide once in a
// hundred thousand searches.
func (w *world) key(withPurses bool) uint64 {
	b := make([]byte, 0, 160)
	b = w.h.append(b, w.now)
	for i := range w.living {
		t := &w.living[i]
		b = append(b, w.h.rank(t.n), byte(t.want), byte(t.up), byte(t.least), bits(t.silent, t.headless, t.deserts, t.queue, t.told, t.held, t.hasty))
	}
	b = append(b, 0xfd)
	for _, try := range w.checks {
		b = append(b, byte(w.h.try-try))
	}
	b = append(b, 0xfe, byte(w.keptWorkers), bits(len(w.waiting) > 0, w.owed, w.stopped, w.quick, w.over, w.scaled, w.lasted, w.keptDrained))
	b = append(b, policyByte(w.kept))
	if w.now.Before(w.sparedUntil) {
		b = appendUntil(append(b, w.h.rank(w.spared)), w.sparedUntil, w.now)
	}
	if withPurses {
		for _, n := range w.left {
			b = append(b, byte(n))
		}
	}
	return maphash.Bytes(seed, b)
}

var seed = maphash.MakeSeed()

func (h *Herd) append(b []byte, now time.Time) []byte {
	b = append(b, byte(h.phase), h.rank(h.serving), h.rank(h.successor), h.rank(h.outgoing), h.rank(h.published.App), h.rank(h.published.Old))
	b = append(b, byte(h.workers), byte(h.had), byte(h.gave), byte(min(h.tries, 3)), byte(h.verdict.Outcome))
	b = append(b, bits(h.drained, h.again, h.under, h.settled, len(h.callers) > 0), policyByte(h.policy), policyByte(h.before))
	b = appendUntil(appendUntil(b, h.due, now), h.retry, now)
	if h.phase == Overlapping {
		b = append(b, byte(h.proved))
	}
	if now.Before(h.mercy) {
		b = appendUntil(b, h.mercy, now)
	}
	for i := range h.gens {
		g := &h.gens[i]
		b = append(b, h.rank(g.n), byte(g.phase), byte(g.want), byte(g.up), byte(g.least), bits(g.spoke, g.headless, g.held, g.halted, g.served()))
		b = appendUntil(b, g.due, now)
		if g.served() {
			b = appendUntil(b, now, now.Add(-min(now.Sub(g.since), h.policy.Settle)))
		}
	}
	return append(b, 0xff)
}

// rank is the place of generation n among those that are there, 0 for none.
func (h *Herd) rank(n int) byte {
	return byte(slices.IndexFunc(h.gens, func(g generation) bool { return g.n == n }) + 1)
}

// appendUntil appends how long it is until t; what is overdue is due.
func appendUntil(b []byte, t, now time.Time) []byte {
	if t.IsZero() {
		return append(b, 0xff)
	}
	ms := max(0, t.Sub(now).Milliseconds())
	return append(b, 0, byte(ms), byte(ms>>8), byte(ms>>16))
}

func bits(flags ...bool) (b byte) {
	for i, f := range flags {
		if f {
			b |= 1 << i
		}
	}
	return b
}

// policyByte tells the policies of one world apart, which differ in little.
func policyByte(p Policy) byte {
	return byte(p.MinWorkers)<<4 | byte(p.Workers)<<2 | bits(p.Rolling, p.Overlap > 0)
}
