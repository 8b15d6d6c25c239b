// Package output passes on what a process of the herd writes.
//
// Invariant: a process never dies, and never waits, because nobody can take what
// it writes, except that it waits where its reader is slow, as it would without us;
// its bytes arrive in order and whole; and the last lines of its stderr are kept,
// for they are the reason when it fails.
package output
