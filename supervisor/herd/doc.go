// Package herd decides. It is the pure core of the herder: a state machine
// over generations of masters, with no clock, goroutine, lock, system call or
// log of its own.
//
// The invariant: as long as nobody asked the herd to stop, a generation that
// serves is told to leave only after another one serves, and there is at most
// one successor. Everything else follows from keeping that true at any moment
// a process may die, hang, or be signalled.
//
// The shell turns the world into events and calls [Herd.Step], performs the
// effects that come back in their order, and arms its one timer for
// [Herd.Deadline]. Time is an argument. What each event does at each moment
// stands in two tables in phase.go: one for the herd as a whole, one for a
// single generation; STATES.md is printed from them.
//
// The words: a generation is one master with its workers. It is booting, then
// it serves, then it leaves: its listeners are sealed where nobody else
// accepts on them, it is asked to retire, and killed when it does not. The
// serving generation, the successor that an upgrade brings up, and the
// outgoing one during the overlap are roles; a generation has at most one.
package herd
