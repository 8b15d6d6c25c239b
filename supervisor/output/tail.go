package output

import "slices"

// Tail are the last lines of stderr since it was made: since a successor was started
// that has the stderr of its predecessor, say.
type Tail struct {
	ring
	heard func()
}

// Listen begins to remember what comes on stderr from now on, and calls heard (unless it
// is nil) whenever something does, beside the caller.
func (o *Output) Listen(heard func()) *Tail {
	t := &Tail{heard: heard}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tails = append(o.tails, t)
	return t
}

// Forget ends what Listen began.
func (o *Output) Forget(t *Tail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tails = slices.DeleteFunc(o.tails, func(other *Tail) bool { return other == t })
}

// Lines are the last ones; the first may be the end of a longer one.
func (t *Tail) Lines() []string { return t.lines() }

// remember takes what has come on stderr.
func (o *Output) remember(b []byte) {
	o.mu.Lock()
	tails := slices.Clone(o.tails)
	o.mu.Unlock()
	for _, t := range tails {
		t.write(b)
		if t.heard != nil {
			t.heard()
		}
	}
}
