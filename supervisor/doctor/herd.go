package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/herderd/herder/handoff"
)

// Herd is what was seen of a herd, in two looks with a pause between them.
type Herd struct {
	State     string
	Upgrading bool
	Serving   *Generation // nil: there is none
	Starting  bool        // it does not serve yet, and nothing else does
	Listeners []Listener  // of the generation that serves, or else all there are
	Binds     bool        // the server opens its sockets itself

	Graceful    string        // the name of the signal to finish and leave
	StopTimeout time.Duration // until who has not left is killed; 0: nobody is
	Pidfiles    []Pidfile
	Above       []string // who started herder, and who started that: their names

	Between time.Duration // the pause between the looks
	Unseen  []string      // what could not be looked at, and why
}

// Generation is the one that serves, or is to.
type Generation struct {
	Number   int
	Want, Up int
	Headless bool // its master is gone
	Workers  []Worker
}

// Master is the ID of the one worker that a server with a master of its own is seen as.
const Master = 0

// Worker is one that herder's master started, with all that it started itself; or
// a server's own master with its workers.
type Worker struct {
	ID        int
	Up        bool
	State     string
	For       time.Duration // it is in this state for so long
	Restarts  int
	Last      string    // how the one before it ended
	Processes []Process // the first is the one that the master knows and signals
	Gone      []Process // those of the first look that have ended since
}

// Process is one process of a worker, at the second look.
type Process struct {
	PID  int
	Name string // as ps shows it: of a script its file
	New  bool   // it was not there at the first look

	Program string // the file it executes, without folders
	Forked  bool   // it is the same program as the process that started it, and not about to execute another

	Holds   []string // names of our listeners that it has open
	Waits   []string // those it waits on for somebody to connect, at one of the looks
	Hidden  bool     // whether it waits cannot be seen
	Listens []string // addresses of other sockets on which it listens

	Catches bool // it has a handler for the graceful signal
	Ignores bool

	Open    int    // descriptors
	MayOpen uint64 // soft limit of those; 0: not known
}

// Listener is one of herder's own.
type Listener struct {
	Name    string
	Address string
	handoff.Condition
	Needs  handoff.Wait // how the server needs O_NONBLOCK, whatever was configured
	File   *File        // of a unix path; nil: there is none, or it is gone
	Path   bool         // it has a unix path
	Queued int

	Mended    int // so often, by herder
	MendedHow string
}

// File is a socket's file with the folders above it, the nearest first.
type File struct {
	Mode     uint32
	UID, GID uint32
	Folders  []Folder
}

// Folder is a directory on the way to a socket.
type Folder struct {
	Path string
	Mode uint32
	GID  uint32
}

// Pidfile is a file that must say a pid.
type Pidfile struct {
	Path    string
	Whose   string
	Want    int
	Says    int
	Trouble string // why it could not be read
}

func (l Listener) String() string {
	if l.Name == l.Address {
		return "listener " + l.Name
	}
	return fmt.Sprintf("listener %s (%s)", l.Name, l.Address)
}

// root is the process that the master signals.
func (w Worker) root() *Process { return &w.Processes[0] }

// serving says whether somebody can connect to a process, as far as can be seen.
func (p *Process) serving() bool { return len(p.Waits)+len(p.Listens) > 0 }

// serves says whether a process is one of many that its worker started to serve
// beside it: it has a socket on which it may serve, and is the same program.
func (p Process) serves() bool { return len(p.Holds)+len(p.Listens) > 0 && p.Forked }

// waits says whether any of its processes waits on a socket of ours, as far as can be seen.
func (w Worker) waits() bool {
	for _, p := range w.Processes {
		if len(p.Waits) > 0 || p.Hidden {
			return true
		}
	}
	return false
}

// hidden says whether there is one of its processes of which not all can be seen.
func (w Worker) hidden() bool {
	return slices.ContainsFunc(w.Processes, func(p Process) bool { return p.Hidden })
}

// holds says whether any of its processes has a socket of ours open.
func (w Worker) holds() bool {
	for _, p := range w.Processes {
		if len(p.Holds) > 0 || p.Hidden {
			return true
		}
	}
	return false
}
