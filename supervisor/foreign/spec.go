package foreign

import (
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Spec is a generation that is to be started.
type Spec struct {
	Name       string
	Generation int
	Row        dialect.Row

	Path      string
	Argv      []string // {fd:NAME} and {port:NAME} are expanded
	Env       []string // but for what tells of listeners and of the notify socket
	Dir       string
	Listeners []handoff.Passed // with descriptors of ours
	Numbers   []int            // of the listeners in the process; nil: from 3 on
	Told      bool             // Env says where they are, and nothing else is to be told

	Masters *Masters      // of all generations
	Binds   bool          // the server binds by itself
	Pidfile string        // the server's own; "": it has none that is known
	Daemon  bool          // it may leave the foreground: the process that is spawned is not the master then
	Listens time.Duration // it must by then, where it binds by itself; 0: when it likes

	Expect int // workers that make it whole; 0: as many as the server starts
	Before int // workers that the generation before it had; 0: none
	Ready  ready.How
	Notify string // the path of the notify socket; "": without a file

	After *Follower // of the master that starts it; nil: we do

	seekFor time.Duration // bounds the search for a master; 0: the usual time

	User    *proc.User
	Umask   int // -1: ours
	Nice    *int
	Rlimits []proc.Rlimit
	Ignore  []unix.Signal

	LogPrefix bool   // "[NAME GENERATION] " before every line
	LogFile   string // takes what the generation writes; "": it goes to our stdout and stderr
}

// firstFD is where the listeners begin (sd_listen_fds(3)).
const firstFD = 3

// Start spawns the master of a generation and begins to follow it. The process
// is the caller's to reap and to close.
func Start(spawner *proc.Spawner, spec Spec) (*Follower, *proc.Process, error) {
	f, err := newFollower(spec)
	if err != nil {
		return nil, nil, err
	}
	p, err := f.spawn(spawner)
	if err != nil {
		f.giveBack()
		return nil, nil, err
	}
	if err := f.take(p.Ref()); err != nil {
		f.giveBack()
		// Nobody would follow it: it must not begin to serve.
		return nil, nil, errors.Join(err, p.Signal(unix.SIGKILL), p.Close())
	}
	f.spawned = true
	f.start()
	return f, p, nil
}

func (f *Follower) spawn(spawner *proc.Spawner) (*proc.Process, error) {
	s := f.spec
	argv, err := handoff.Expand(s.Argv, s.Listeners, firstFD)
	if err != nil {
		return nil, err
	}
	v, err := newVoice(s)
	if err != nil {
		return nil, err
	}
	f.listen(v)
	defer v.out.Started()
	files := f.files()
	env := s.Env
	if !s.Told {
		env = append(env[:len(env):len(env)], s.Row.Environ(s.Listeners, s.Generation, firstFD, s.Argv)...)
		env = append(env, "NOTIFY_SOCKET="+f.notify.Address(), "HERDER_GENERATION="+strconv.Itoa(s.Generation))
	}
	return spawner.Spawn(proc.Spec{
		Path: s.Path, Argv: argv, Env: env, Dir: s.Dir, Files: files,
		ListenPID: !s.Told && s.Row.MeansFor(s.Argv)&dialect.Listen != 0 && len(s.Listeners) > 0,
		User:      s.User, Umask: s.Umask, Nice: s.Nice, Rlimits: s.Rlimits, Ignore: s.Ignore,
		Session: true, // who kills his own group kills himself
	})
}

// files are the descriptors of the process: its output, and the listeners at their
// numbers, which may be those of its standard files.
func (f *Follower) files() []int {
	files := []int{-1, f.voice.out.Stdout, f.voice.out.Stderr}
	for i, l := range f.spec.Listeners {
		number := firstFD + i
		if f.spec.Numbers != nil {
			number = f.spec.Numbers[i]
		}
		for len(files) <= number {
			files = append(files, proc.Closed)
		}
		files[number] = l.FDs[0]
	}
	return files
}

// inodes of all listeners: those it was given, or those that it has bound itself.
func (f *Follower) inodes() []uint64 {
	var all []uint64
	for _, l := range f.spec.Listeners {
		all = append(all, l.Inodes...)
	}
	if !f.spec.Binds {
		return all
	}
	listeners, err := f.listening.now()
	if err == nil {
		all, err = listeners.HeldBy([]int{f.master.Ref().PID})
	}
	switch now := time.Now(); {
	case err == nil:
		f.blind = time.Time{}
	case f.blind.IsZero():
		f.blind = now // one that is about to end shows its descriptors to nobody but root
	case now.Sub(f.blind) > unseen:
		f.note(err.Error())
	}
	return all
}
