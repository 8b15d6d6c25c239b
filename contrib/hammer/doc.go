// Package hammer sends numbered requests and accounts for every one: sent = answered = logged by a worker, exactly once.
//
// The protocol, which the programs in contrib/workers speak:
//
//  1. A request is GET /?id=N HTTP/1.1, with a number that is never used twice. Some clients keep their connection alive,
//     others open a new one for each request and send Connection: close.
//  2. A worker appends the line "N GENERATION SLOT PID" to its log with one write, and then answers with the same line.
//  3. At the end every number that was sent must have been answered once, and must stand in the log once, with the same
//     line. Everything else is a fault with a name: refused, reset, closed, timeout, garbled, wrong id, unlogged, doubled.
//
// One case is not the server's fault. A server may close an idle keep-alive connection, and a request can be on its way
// at this moment: RFC 9112 section 9.3.1 has the client send it again if not one byte of an answer came on a connection
// that was in use before. Such a request is sent again with the same number and counted as Retried; if the server had
// worked on it all the same, the log has it twice, and that is a fault. A server which answers the last request of a
// connection with "Connection: close" never causes it.
//
// A process that is killed loses what it had in hand. [Hammer.Stop] is told which processes were killed, and excuses
// those requests only which such a process can have had in hand; it never excuses a refusal or a timeout.
package hammer
