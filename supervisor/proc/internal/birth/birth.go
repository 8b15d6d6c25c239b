// Package birth remembers the limit on open files this program was started with.
//
// Package syscall raises the soft limit to the hard one before main runs, and
// hands the old one only to children it starts itself (go.dev/issue/46279). Our
// children are not started by it, and a worker that finds a soft limit of a
// million where its shell gives 1024 breaks in select(2), or closes a million
// descriptors before each fork. So the limit must be read before package
// syscall sees it.
//
// This package imports nothing. The language initialises packages in the order
// of their import paths as soon as what they import is done (Go specification,
// "Program initialization"), hence "github.com/…" without imports before "syscall".
package birth

// limits is struct rlimit64 of getrlimit(2): soft, hard.
type limits [2]uint64

// nofile is read while the program starts.
var nofile, known = read()

// prlimitNofile calls prlimit64(0, RLIMIT_NOFILE, NULL, old).
func prlimitNofile(old *limits) (errno uintptr)

func read() (*limits, bool) {
	l := new(limits)
	return l, prlimitNofile(l) == 0
}

// Nofile returns the soft and the hard limit on open files as they were at the
// start of this program; ok is false when the kernel would not tell.
func Nofile() (soft, hard uint64, ok bool) { return nofile[0], nofile[1], known }
