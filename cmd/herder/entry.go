package main

// Until a program has said what a signal does, the default action is taken, and that of most is to end it. A Go program
// says so some milliseconds after execve(2): an `sv 2 app` in between would end herder. So `herder run`, `herder master`
// and unicornherder (the command, or a program of that name) begin with a few instructions of their own (entry_GOARCH.s),
// the first of the process:
//
//  1. Does the program's name end in "nherder", or is one of the words "run" or "master", or does one begin with "unicornh"?
//     Flags may stand before a command, so all are looked at. If not, nothing is done: a client should die of HUP when its
//     terminal goes, and be stopped by TTIN and TTOU.
//  2. HUP, USR2, USR1, TTIN and TTOU are ignored (rt_sigaction(2)). Nothing is lost by it that nohup(1) or a run script
//     had set: all a program can be started with is "default" and "ignored" (signal(7)).
//  3. On to Go's own entry, with the stack as the kernel left it.
//
// What becomes of it (runtime/signal_unix.go: initsig, sigInstallGoHandler):
//
//   - HUP stays ignored, as if by nohup, until signal.Notify; TTIN and TTOU too, for the runtime does not touch them.
//   - USR1 and USR2 get Go's handler, which drops them as long as nobody asks for them.
//   - supervisor.Catch and master.Run ask for all of them. From then on signals are remembered.
//   - Children do not inherit it: package proc sets every signal to its default between clone and execve.
//
// What is dropped until then is fulfilled by the start itself: the configuration is yet to be read (HUP, USR2), the log
// files are yet to be opened (USR1). TTIN and TTOU, which would have stopped the process, count for nothing. TERM, INT and
// QUIT keep their default: to end at once is what they ask for.
//
// Left is the time inside execve(2), 0.1 ms on an idle machine and milliseconds on a busy one: what a signal does there only
// the caller can say. The run script in contrib/runit/app does, with a trap.
//
// The linker has to be told: -ldflags "-E main.entry". packaging/build does so. A program built without it, as by `go run`,
// works like any Go program: it can be ended by a signal in its first milliseconds.
var _ = entry

// entry is not called: Go's runtime does not run yet.
func entry()
