// Command stamp says when it was executed: the first thing it does, before any runtime starts, is to write one record to
// stdout, then it waits for a signal; with an argument it exits instead. The record is 24 bytes in the byte order of the
// machine: seconds and nanoseconds of CLOCK_MONOTONIC, and its pid.
//
// It is linked with entry as its first instruction (-ldflags "-E main.entry"), so it never becomes a Go program.
package main

func main() { entry() }

// entry is in entry_GOARCH.s.
func entry()
