// Package pool decides how the workers of one native master come and go.
//
// Invariant: a pool has as many kept workers as its target says, or is on the
// way there, and it never has more than the target and those that were asked
// to leave. Whatever is asked of it at whatever moment, Quit and Stop end with
// no worker left.
//
// The package is a pure state machine in the manner of s6-supervise: no clock,
// lock, goroutine or system call. The shell (package master) turns the world
// into an [Event], calls [Pool.Step], performs the returned effects in order and
// arms its one timer for [Pool.Deadline]. What happens when is not spread over
// the code but written in two tables: want × order ([orders], for the whole pool)
// and phase × news ([cells], for one worker). STATES.md is printed from them.
//
// Want and is are kept apart: the pool has a [Want] and each worker a [Phase];
// a slot also has a [Fate], which says whether its worker is kept or is to go.
//
// The rules in words:
//
//   - Slots are numbered from 1; a new worker takes the lowest free one
//     (HERDER_WORKER). A replacement keeps the slot of the one it replaces.
//   - A worker that dies is replaced at once if it was up for a second, or was
//     up at all and this is its first short life. One that keeps dying waits
//     100 ms, 200 ms, … 30 s, jittered, and is forgiven after 10 s of good life.
//     No other worker notices.
//   - A worker that dies, or cannot be started, before the pool was ever whole
//     (all of its target up at once) fails the pool: everything that is there
//     leaves gracefully, because some may have accepted connections already.
//   - Growing starts one worker at a time, so that a new target is obeyed
//     between two starts; shrinking retires the highest slots first.
//   - Workers that were asked to leave are not waited for when the target rises
//     again, but all live workers together stay below twice the highest target
//     there ever was: a storm of TTIN and TTOU cannot become a fork bomb.
//   - SIGKILL is only ever the answer to a deadline that passed.
package pool
