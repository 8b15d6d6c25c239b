// Package master is the native master: the process that owns the workers of one
// generation. It is herder's own binary, run as "herder master NAME GENERATION".
//
// Invariant: all state is owned by one loop. What happens (a signal, an order, a
// worker's message or death, the one timer) becomes an event, package pool
// decides, and the effects are performed in order; nothing else touches a worker.
// When the master has left, nothing of its generation is left.
//
// A worker is ready when it says so, or is seen to be, and has taken our socket: took.go
// says when it is believed.
//
// The protocol between herder and master, both ends of which are in this package:
//
//  1. The herder spawns the master ([Prepare]) with its control socket at fd 3
//     (SOCK_SEQPACKET, one JSON document a packet), its [Spec] as JSON in a memfd
//     at fd 4, and the listeners at fd 5 and on, in declared order. The
//     environment and the directory of the master are those of its workers.
//  2. The master starts its workers without being told, and sends a [Report] of
//     its state whenever it changes. Only the newest state counts: while the
//     socket is full, an older one is dropped.
//  3. The herder sends an [Order] when it wants something else. An order that a
//     later one makes pointless may be dropped before it is sent.
//  4. A signal that a person sends to the master is not obeyed but reported
//     ([ReportAsked]); the herder decides, and answers with an order.
//  5. The end of the herder (end of file) is an order, too: finish and leave.
//  6. The end of the master is the end of its generation.
package master
