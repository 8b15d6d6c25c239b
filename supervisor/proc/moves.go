package proc

// move is one dup3(from, to) of the child. from == to means that the
// descriptor stays where it is and only loses its close-on-exec flag.
type move struct {
	from, to int
	temp     bool // a parking place: closed again by execve
}

// moves plans how files[i] gets to number i for every i, without overwriting a
// descriptor that is still needed. A cycle (0→1, 1→0) costs one parking place: the
// lowest number that is neither wanted nor a source, so that a low limit on
// open files does not matter.
func moves(files []int) []move {
	var out []move
	want := make(map[int]int) // target → source, not yet done
	for to, from := range files {
		if from == Closed {
			continue
		}
		if from == to {
			out = append(out, move{from: from, to: to})
		} else {
			want[to] = from
		}
	}
	park := newParking(files)
	for len(want) > 0 {
		done := false
		for to := range files { // in order: the plan does not depend on map order
			from, open := want[to]
			if open && !isSource(want, to) {
				out = append(out, move{from: from, to: to})
				delete(want, to)
				done = true
			}
		}
		if !done {
			out = append(out, breakCycle(want, len(files), park))
		}
	}
	return out
}

// breakCycle parks the lowest target that is still a source.
func breakCycle(want map[int]int, n int, park *parking) move {
	for to := range n {
		if _, open := want[to]; !open {
			continue
		}
		m := move{from: to, to: park.next(), temp: true}
		for t, from := range want {
			if from == to {
				want[t] = m.to
			}
		}
		return m
	}
	panic("internal error: a cycle of descriptors without a member")
}

func isSource(want map[int]int, fd int) bool {
	for _, from := range want {
		if from == fd {
			return true
		}
	}
	return false
}

// parking hands out descriptor numbers nobody needs.
type parking struct {
	at     int
	source map[int]bool
}

func newParking(files []int) *parking {
	p := &parking{at: len(files), source: make(map[int]bool, len(files))}
	for _, fd := range files {
		p.source[fd] = true
	}
	return p
}

func (p *parking) next() int {
	for p.source[p.at] {
		p.at++
	}
	p.at++
	return p.at - 1
}
