package supervisor

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Signals are the signals of a run. They are caught before anything else
// happens, so that one which arrives while the herder starts is remembered.
type Signals struct {
	urgent chan os.Signal // those that end the run: never crowded out by others
	wishes chan os.Signal
	deaths chan os.Signal
}

// Catch begins to catch every signal that can be caught. One that comes more
// often than it is looked at coalesces, as the kernel itself would do; the
// channels are wide enough for what people send, and the words that end the
// run have one of their own.
func Catch() *Signals {
	s := &Signals{make(chan os.Signal, 16), make(chan os.Signal, 256), make(chan os.Signal, 1)}
	signal.Notify(s.urgent, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT)
	signal.Notify(s.deaths, unix.SIGCHLD)
	signal.Notify(s.wishes, harmless()...)
	return s
}

// Stop gives the signals back to their default actions.
func (s *Signals) Stop() {
	signal.Stop(s.urgent)
	signal.Stop(s.wishes)
	signal.Stop(s.deaths)
}

// harmless are all other signals, those without a meaning here too: a herder
// must not die of an ALRM or a real-time signal, nor as PID 1 of a container
// rely on default actions, which the kernel does not take there
// (pid_namespaces(7)). Left alone are those that report a fault of the
// program itself, and URG and PROF, which the Go runtime uses.
func harmless() []os.Signal {
	apart := map[unix.Signal]bool{
		unix.SIGKILL: true, unix.SIGSTOP: true, unix.SIGCHLD: true,
		unix.SIGTERM: true, unix.SIGINT: true, unix.SIGQUIT: true,
		unix.SIGSEGV: true, unix.SIGBUS: true, unix.SIGFPE: true, unix.SIGILL: true,
		unix.SIGTRAP: true, unix.SIGSYS: true, unix.SIGABRT: true, unix.SIGURG: true, unix.SIGPROF: true,
		32: true, 33: true, 34: true, // kept by C libraries (signal(7))
	}
	var all []os.Signal
	for s := unix.Signal(1); s <= 64; s++ {
		if !apart[s] {
			all = append(all, s)
		}
	}
	return all
}
