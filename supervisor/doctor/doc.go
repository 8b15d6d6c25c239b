// Package doctor says what is wrong with a herd that runs, although nothing
// seems to be: a worker that serves on a port of its own, a wrapper that does
// not pass the signal on, a backlog that the app made smaller.
//
// The invariant: it judges and does nothing else. What it judges is a [Herd] of
// observations that the shell has made; the same observations give the same
// findings. Each check is a row of one table ([Checks]) and knows nothing of the
// others; adding one is adding a row, with what has to be observed for it.
//
// A finding is wrong where requests are lost, or will be at the next upgrade or
// stop; it is a warning where that depends on what only a person can know. Each
// of both says what to do. A check that found nothing says so in one line, so
// that who reads knows that it has looked; one that does not apply is silent.
package doctor
