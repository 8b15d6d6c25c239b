// Command herder is the supervisor (herder run) and its clients.
//
// The invariant: whatever goes wrong is said in one line on stderr that begins
// with "herder: " and names what could not be done and to what; the exit code
// says the same to a program, and nothing else is printed, in particular no
// page of usage. What was asked for is on stdout.
//
// Exit codes of the clients: those of
// [github.com/herderd/herder/supervisor/control]. Exit codes of `herder run`:
//
//	0   stopped as asked
//	1   no generation came up in start_tries tries
//	64  wrong command line (sysexits(3), as those below)
//	69  cannot bind a listener
//	70  a fault of herder
//	71  the system refuses what every herder needs
//	73  cannot write a pid file or in the runtime directory
//	75  another herder runs with this name, pid file or runtime directory
//	77  not allowed (a user other than our own, and not root)
//	78  the configuration cannot work
//	126 the command cannot be executed
//	127 the command is not there
//
// A program called unicornherder is the command of that name (unicornherder.go).
//
// Reading order: main.go, args.go (flags may come after arguments), then one
// file per command. entry.go says what happens before main.
package main
