package proc

import (
	"fmt"
	"slices"
	"testing"
)

// What is excepted is left out with all below it, and nothing else is.
func TestDescendantsExcept(t *testing.T) {
	fs := fixture(t, map[int]int{10: 1, 11: 10, 12: 11, 13: 12, 14: 10, 15: 14}, true)
	ref := func(pid int) Ref { return Ref{PID: pid, Start: uint64(1000 + pid)} }
	for _, c := range []struct {
		except []Ref
		want   []int
	}{
		{nil, []int{11, 12, 13, 14, 15}},
		{[]Ref{ref(12)}, []int{11, 14, 15}},
		{[]Ref{ref(11), ref(15)}, []int{14}},
		{[]Ref{ref(11), ref(14)}, nil},
		{[]Ref{ref(10)}, []int{11, 12, 13, 14, 15}},                      // above us: none of the tree
		{[]Ref{{PID: 12, Start: 1}, ref(99)}, []int{11, 12, 13, 14, 15}}, // another process that had the pid
	} {
		refs, err := fs.Descendants(10, c.except...)
		check(t, err)
		var pids []int
		for _, r := range refs {
			pids = append(pids, r.PID)
		}
		if slices.Sort(pids); !slices.Equal(pids, c.want) {
			t.Errorf("except %v: %v, not %v", c.except, pids, c.want)
		}
	}
}

// twoFamilies is a shell with a child of its own and one that has a child, too; it says who they are.
const twoFamilies = `trap '' TERM
cat <&3 & own=$!
sh -c 'trap "" TERM; cat <&3 & echo $$ $! >&4; wait; wait' & spared=$!
wait; wait; cat <&3`

func TestKillTreeExcept(t *testing.T) {
	s := newSpawner(t)
	never, hold := pipe(t)
	said, w := pipe(t)
	p, err := s.Spawn(sh(twoFamilies, never.fd, w.fd))
	check(t, err)
	never.close()
	w.close()
	var spared [2]int
	_, err = fmt.Sscan(said.line(), &spared[0], &spared[1])
	check(t, err)
	st, err := Proc.Stat(spared[0])
	check(t, err)
	left, err := Proc.KillTree(p.Ref(), patience, st.Ref())
	if err != nil || len(left) > 0 {
		t.Errorf("left %v: %v", left, err)
	}
	if root, err := Proc.Stat(p.Ref().PID); err == nil && !root.Dead() {
		t.Error("the root lives")
	}
	for _, pid := range spared {
		if st, err := Proc.Stat(pid); err != nil || st.Dead() || st.State == 'T' {
			t.Errorf("%d was to be spared: %+v, %v", pid, st, err)
		}
	}
	check(t, p.Close())
	hold.close() // now they end by themselves
	buryAll(t)
}
