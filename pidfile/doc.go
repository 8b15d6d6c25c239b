// Package pidfile keeps files that name a process, so that who reads one at any
// moment finds a whole pid or, before the first and after the last, no file.
//
// Invariant: a pid file is never written in place. It is written beside, synced,
// and renamed, so it never is empty, half written, or gone while its process
// lives; a full disk leaves the old one as it was. It is removed only by whom it
// names. Nothing is ever written or removed through a name that somebody else
// may have planted: a symbolic link, a fifo, a directory, a file with further
// hard links, or, in a directory that others can write, a file of another user
// is refused with [ErrRefused] and left alone.
//
// [Write], [Read] and [Remove] keep the file of a process. [Link] keeps the pid
// of the one that is to be replaced beside it, as nginx and unicorn do with
// ".oldbin". [Lock] is for a process that must be the only one of its kind: the
// lock is on the file itself, so the number in a file that was left behind says
// nothing, whoever has that number now. [Follow] tells when somebody touches
// such a file.
//
// A pid that was read from a file is a hint, never a proof: its process may be
// gone and the number given to another. Compare start times or hold a pidfd
// before a signal is sent.
package pidfile
