package proc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Closed among the [Spec].Files, from the fourth on: the child has no such descriptor.
const Closed = -2

// Spec says how a process starts. What is not said is inherited, except: every
// signal but those in Ignore has its default action and none is blocked, no descriptor but Files is
// open, and the soft limit on open files is the one this program was started with.
type Spec struct {
	Path string   // executable, from [Look]; if relative, to Dir
	Argv []string // with argv[0]; empty means Path alone
	Env  []string // the whole environment, KEY=VALUE
	Dir  string   // working directory, entered as User; "" stays here

	// Files: descriptor i of the child is our descriptor Files[i]; -1 is
	// /dev/null, and [Closed] none: a child that wants a socket at number 100
	// finds nothing between. Fewer than three are filled up with /dev/null: a program whose
	// stdout is closed writes into the first file it opens.
	Files []int

	Ignore []unix.Signal // signals the child starts with ignored

	ListenPID bool // put LISTEN_PID=<pid of the child> into its environment

	User    *User // identity to take; nil keeps ours
	Umask   int   // -1 keeps ours; note that the zero value is umask 0
	Nice    *int  // nice value, -20…19; nil keeps ours
	Rlimits []Rlimit

	Session     bool        // lead a new session (setsid)
	Group       bool        // lead a new process group; a session leader does anyway
	DeathSignal unix.Signal // sent to the child when we die; 0: none
}

// Rlimit is one resource limit, in the units of getrlimit(2).
type Rlimit struct {
	Resource   int // unix.RLIMIT_NOFILE, …
	Soft, Hard uint64
}

// Unlimited is RLIM_INFINITY.
const Unlimited = ^uint64(0)

// rlimitNames are the names of getrlimit(2), by number (asm-generic/resource.h).
var rlimitNames = [...]string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
	"MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

// String names the limit as getrlimit(2) does and gives both values.
func (r Rlimit) String() string {
	name := fmt.Sprintf("resource %d", r.Resource)
	if r.Resource >= 0 && r.Resource < len(rlimitNames) {
		name = rlimitNames[r.Resource]
	}
	return fmt.Sprintf("%s=%s:%s", name, limitString(r.Soft), limitString(r.Hard))
}

func limitString(v uint64) string {
	if v == Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(v)
}
