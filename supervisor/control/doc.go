// Package control is the control API of one herder: a server and a client
// which speak over a unix socket.
//
// The invariant: every request that arrives whole is answered exactly once, and
// no client, whatever it sends or fails to send, can make the server wait, grow
// or keep a descriptor.
//
// # The protocol
//
//  1. The client connects to a stream socket (mode 0600, its directory 0700).
//     The server asks the kernel who it is (SO_PEERCRED, unix(7)): only root and
//     the herder's own user are served; anybody else is closed without a word,
//     and logged.
//  2. The client sends one line: a JSON object of at most [MaxLine] bytes and a
//     newline, all of it within ten seconds. See [ParseRequest] for what is
//     taken: a flat object, known keys, each at most once, valid UTF-8.
//  3. The server sends one line, a JSON object of at most [MaxReply] bytes, and
//     closes. Reply.Code is the exit code of the command line.
//  4. A client that closes its end while it waits (an interrupted `herder
//     upgrade`) ends the context of its handler, not the work it asked for. A
//     client that only shuts its sending side, as `nc -U` and socat do, is
//     still answered.
//  5. There are at most 64 clients at once. The next one takes the place of the
//     client that has been silent longest with its request unfinished; when
//     there is none, because all 64 wait for an answer, it is told "busy".
//  6. Descriptors sent along (SCM_RIGHTS) never arrive: the server reads without
//     room for them, and the kernel drops what does not fit (unix(7)).
//
// The version of the protocol is [Version], field "v" of a request. A server
// refuses any other, and unknown keys too: a herder that ignored what it does
// not know would act on half of what it was asked.
package control
