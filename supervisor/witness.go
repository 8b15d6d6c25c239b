package supervisor

import (
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// A Witness is told what becomes of the herd, where herder stands in for another
// program that has words of its own for it. The loop calls it and nobody else, so its
// methods return at once. It decides nothing.
type Witness interface {
	// Heard: a signal that asks for something.
	Heard(s unix.Signal)
	// Did: the core decided this, and it has been done. The generations can be looked at.
	Did(e herd.Effect, look Looker)
}

// Looker says what is known of a generation; of one that is gone, nothing.
type Looker func(gen int) control.Generation

// noWitness is nobody.
type noWitness struct{}

func (noWitness) Heard(unix.Signal)           {}
func (noWitness) Did(_ herd.Effect, _ Looker) {}

// look is the [Looker].
func (h *Herder) look(gen int) control.Generation {
	seen, _ := h.kernel.Look(gen)
	return seen
}
