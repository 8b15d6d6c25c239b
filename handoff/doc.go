// Package handoff owns listening sockets that outlive the processes which serve on them.
//
// The invariant: from Open to Close every address is bound and listening, by one socket which all generations share. No process that
// comes, goes, crashes, unlinks "its" path or shuts "its" socket down makes a moment in which a client is refused that [Listener.Repair]
// cannot end; and no socket, and no path, that is not ours is ever taken, changed or removed.
//
// As a library, in a program that starts others:
//
//	spec, err := handoff.ParseSpec("127.0.0.1:8080,name=web,backlog=512")
//	l, err := handoff.Open(ctx, spec)
//	env, fds := handoff.Environ([]handoff.Passed{l.Passed()}, 0, 1, 3)
//	// start the program with env, and with fds at 3, 4, …: syscall.ForkExec, never os/exec's ExtraFiles (below)
//	mended, err := l.Repair() // when the program is ready, and when a Watch reports Trouble
//	err = l.Seal()            // at the last stop: nothing new comes in, what is queued can still be accepted
//	err = l.Close()
//
// # Rules this package keeps
//
// A listener is one open file description, and its O_NONBLOCK flag belongs to that description, so to everybody: os/exec clears it at every
// start through File.Fd, and freezes the event loops of all who share it. So sockets are made by socket(2) and stay numbers; they are
// born with CLOEXEC, never below 3, and blocking, as systemd makes them. A holder that sets O_NONBLOCK makes that the new normal.
//
// net.Listen is not used: since Go 1.24 it makes MPTCP sockets, which refuse options that TCP sockets have, and children inherit them.
//
// A unix path is bound at a private name beside the public one (".NAME.PID-N") and hard-linked. Its inode is born with mode 0 and gets its
// owner and mode before the public name exists, so nobody connects too early. A program that unlinks the path getsockname(2) told it,
// unlinks the private name. When one of both names is gone, the other restores it. A stale path is replaced in one step (renameat2
// RENAME_EXCHANGE), a live one, or anything that is not a socket, is refused.
//
// A Watch tells of a listener that somebody shut down, of a name that vanished and of an address the host lost, when it happens: it does not
// poll, and a connection does not wake it.
//
// Sockets inherited from a service manager are kept as given: they outlive us, so Seal and Close leave their addresses alone.
package handoff
