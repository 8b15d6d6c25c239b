// Package proc is the kernel side of processes.
//
// Invariant: a process is a [Ref], a pid with the moment it started, and while
// we hold it a pidfd; no signal is ever sent to a bare number. Every child is
// born in [Spawner.Spawn] and buried by [Reap], and nowhere else: os/exec's
// Wait would race with our reaper, so it is not used.
//
// # Birth
//
// All spawning happens on one OS thread, locked for as long as the Spawner
// lives, with no signal blocked. PR_SET_PDEATHSIG is delivered when the
// parent's thread ends, not the process (prctl(2)), and a child inherits the
// mask of the thread that made it (signal(7)): one lasting thread with a clear
// mask answers both.
//
// Between clone and execve the child walks a list of system calls prepared by
// the parent (plan.go), in a few lines of assembly (child_*.s). It shares our
// memory (CLONE_VM|CLONE_VFORK), runs no Go code, and touches no stack. So it is
// right under the race detector too, costs no copy of page tables, and can
// report the step that failed by writing into memory: an exec failure is the
// error of the call that asked for it.
//
// As with syscall.ForkExec, the garbage collector may have to wait until the
// child has called execve.
//
// # Death
//
// [Peek] looks at a dead child without burying it, and [Reap] buries exactly
// one. Both wait for a Spawn under way, so a child is never seen dead before
// Spawn has made its [Process], and one whose exec failed is never seen at all.
//
// # What the kernel may lack
//
// Without pidfds (before Linux 5.3, or denied by seccomp) signals go by kill(2)
// after a look at the start time; [HavePidfd] tells. Without close_range(2)
// stray descriptors are listed and closed one by one. Without
// CONFIG_PROC_CHILDREN the children are found by a scan for the parent's pid.
package proc
