// Package supervisor is the shell of the herder: it turns the world into
// events, asks the core ([github.com/herderd/herder/supervisor/herd]) what to
// do, and does it.
//
// The invariant: one goroutine, that of [Herder.run], owns all state. Whatever
// happens elsewhere (a signal, an exit, a word from a master, a request)
// reaches it through a channel, becomes an event, is stepped, and its effects
// are performed in order before the next event is looked at. There is one
// timer, armed for the core's deadline.
//
// The story in order of reading: herder.go is the loop; wishes.go turns
// signals and requests into events; perform.go does what the core decided.
// Behind the seam [Kernel] stands the tender: check.go is the preflight,
// spawn.go starts a master, exits.go notices who is gone, tell.go speaks to
// masters and to what an untimely death left of one, listeners.go and files.go
// keep the sockets and the pid files. examine.go, observe.go and surroundings.go
// look at a herd that runs, for package doctor to judge.
package supervisor
