// Package ready answers one question: does this generation serve?
//
// Invariant: a generation is called ready only on evidence that its own
// processes gave. A connection that another generation answered, a message
// from a process that is not of the generation, an epoll registration of a Go
// program that is still initialising: none of these counts.
//
// The evidence, in the order in which "auto" takes whatever comes first:
//
//  1. READY=1 on the notify socket ([ListenNotify], sd_notify(3)), with the
//     sender's pid put there by the kernel;
//  2. a newline on the notification fd ([NewFD], as s6 knows it);
//  3. armed ([Armed]): a process of the generation waits on our socket, seen
//     from outside through /proc, without any help from the program;
//  4. a probe ([Probe], [Exec]): we ask, and look who answered;
//  5. nothing but time ([KindDelay]), where nothing can be seen.
//
// # What armed can and cannot say
//
// A thread blocked in accept(2), poll(2), select(2) or recv(2) on the socket
// is waiting for a connection at this very moment: the look tells idle from
// busy as well. An epoll(7) registration is not a wait; it says that the event
// loop will be told. That is right for the programs that register when they
// begin to serve (12 of 12 application servers tried), and wrong for Go, whose
// net.FileListener registers long before anybody calls Accept. For a Go
// program, recognised by the .go.buildinfo section of its executable, Armed
// reads the runtime's own note (runtime.pollDesc) of who waits for the socket.
// Where that cannot be decided (a Go release with another layout, memory that
// may not be read) registered counts as armed, as for every other program. The
// same holds for Rust's tokio, which registers when the listener is made.
//
// What waits through io_uring(7) cannot be seen at all: Armed says [IOUring],
// and the caller had better give such a program a delay or a probe.
//
// # What a word cannot say
//
// Evidence of the first, the second and the last kind says that a worker serves, not
// where: a server that has not understood what it was given makes a socket of its own,
// and says READY=1 all the same. [Foreign] is where a tree of processes listens beside
// our sockets, and [Accepted] whether it took a connection from one of them. The caller
// decides what that means: a port for metrics is foreign, too.
package ready
