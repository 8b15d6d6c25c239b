package starter

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// Keeper goes along with a run and says what start_server would say of it. It is
// owned by the loop of the herder, which alone calls it.
type Keeper struct {
	command *Command
	hooks   Hooks

	pids    map[int]int // of the workers that live, by generation
	told    map[int]bool
	serving int // generation of the worker that new connections are for
	since   time.Time
	now     Settings

	why        string    // a restart was asked for by this; said when it begins
	restarting bool      // one is under way
	again      time.Time // when one that failed is tried again
	stop       string    // the signal that workers are asked to leave by; "": nobody asked for the end
	complaint  string    // about the status file, said once
}

// Hooks are what the Keeper has done.
type Hooks struct {
	Say    func(line string) // on stderr
	Begun  func() error      // everything is bound: the log may take over, the parent of a daemon may go
	Reopen func()            // opens the log file again
}

// NewKeeper is for one run.
func NewKeeper(c *Command, h Hooks) *Keeper {
	return &Keeper{command: c, hooks: h, pids: map[int]int{}, told: map[int]bool{}, now: c.Settings()}
}

// Begun passes on that everything is bound.
func (k *Keeper) Begun() error { return k.hooks.Begun() }

func (k *Keeper) say(format string, args ...any) { k.hooks.Say(fmt.Sprintf(format, args...)) }

// Heard says what a signal means: HUP restarts, TERM and INT end. USR2 and QUIT are herder's own words for the
// same, USR1 opens the log again; they would end start_server and leave its workers
// behind, which nobody can want. A second TERM is nothing new; an INT after it is.
func (k *Keeper) Heard(s os.Signal, _ []herd.Event, relay func(gen int, signal string)) []herd.Event {
	sig, _ := s.(unix.Signal)
	name := strings.TrimPrefix(unix.SignalName(sig), "SIG")
	switch {
	case sig == unix.SIGUSR1:
		k.hooks.Reopen()
		return []herd.Event{herd.Reopen{}}
	case k.stop != "" && sig == unix.SIGINT:
		k.say("received INT again, ending workers at once")
		return []herd.Event{herd.Quick{}}
	case k.stop != "":
		return nil
	case sig == unix.SIGHUP || sig == unix.SIGUSR2:
		k.why = "received " + name + ", spawning a new worker"
		return []herd.Event{herd.Upgrade{}}
	case sig == unix.SIGTERM || sig == unix.SIGQUIT:
		k.end(name, k.command.SignalOnTERM, relay)
		return []herd.Event{herd.Stop{}}
	case sig == unix.SIGINT:
		k.end(name, "TERM", relay)
		return []herd.Event{herd.Stop{}}
	}
	return nil
}

// end: workers that were asked to leave by another signal before are sent this one too.
func (k *Keeper) end(name, signal string, relay func(gen int, signal string)) {
	k.stop = signal
	k.say("received %s, sending %s to all workers:%s", name, signal, k.list(k.pids))
	if signal == k.command.SignalOnHUP {
		return
	}
	for _, gen := range slices.Sorted(maps.Keys(k.told)) {
		relay(gen, signal)
	}
}

// Goodbye is the signal by which a worker is asked to leave.
func (k *Keeper) Goodbye(gen int) string {
	switch {
	case k.stop != "":
		return k.stop
	case gen == k.serving: // the end, asked for by `herder stop`
		return k.command.SignalOnTERM
	}
	return k.command.SignalOnHUP
}

// Spawned is told of each worker that was started.
func (k *Keeper) Spawned(gen, pid int) {
	k.pids[gen] = pid
	k.say("starting new worker %d", pid)
}

// Ended is told of each worker that has ended.
func (k *Keeper) Ended(gen, pid int, status unix.WaitStatus) {
	told := k.told[gen]
	delete(k.pids, gen)
	delete(k.told, gen)
	switch {
	case k.stop != "" || told && gen == k.serving:
		k.say("worker %d died, status:%d", pid, status)
		k.update()
	case gen == k.serving:
		k.say("worker %d died unexpectedly with status:%d, restarting", pid, status)
	case gen > k.serving:
		k.say("new worker %d seems to have failed to start, exit status:%d", pid, status)
	default:
		k.say("old worker %d died, status:%d", pid, status)
		k.update()
	}
}

// Did follows what the core decides.
func (k *Keeper) Did(e herd.Effect, _ func(int) control.Generation, now time.Time) {
	switch e := e.(type) {
	case herd.Check:
		if k.why != "" {
			k.say("%s", k.why)
		}
		k.why, k.restarting, k.again = "", true, time.Time{}
	case herd.Adopt:
		k.adopt(e.Gen, now)
	case herd.Tell:
		// What a dead worker left behind is told things, too.
		if away := e.Verb == herd.Quit || e.Verb == herd.Halt || e.Verb == herd.Kill; away && k.pids[e.Gen] != 0 {
			k.told[e.Gen] = true
		}
	case herd.Conclude:
		k.conclude(e.Verdict, now)
	case herd.Leave:
		k.leave()
	}
}

// adopt: a worker has lived for the interval; or an older one takes its place back.
func (k *Keeper) adopt(gen int, now time.Time) {
	newer := gen > k.serving
	k.serving, k.now = gen, k.command.Settings()
	k.update()
	if !newer {
		return
	}
	k.since, k.again = now, time.Time{}
	if !k.restarting {
		return
	}
	old := k.old()
	k.say("new worker is now running, sending %s to old workers:%s", k.command.SignalOnHUP, k.list(old))
	if k.now.KillOldDelay > 0 && len(old) > 0 {
		k.say("sleeping %d secs before killing old workers", int(k.now.KillOldDelay.Seconds()))
	}
}

// old are the workers other than the one that serves.
func (k *Keeper) old() map[int]int {
	old := maps.Clone(k.pids)
	delete(old, k.serving)
	return old
}

// conclude: a restart that came to nothing is tried again, for as long as a worker
// serves; without one the herd goes on trying by itself.
func (k *Keeper) conclude(v herd.Verdict, now time.Time) {
	k.restarting = false
	switch v.Outcome {
	case herd.Upgraded:
		k.say("killing old workers")
	case herd.Refused:
		k.say("cannot start a new worker: %s", v.Reason)
		k.again = now.Add(Pace(k.command))
	case herd.RolledBack:
		k.again = now.Add(Pace(k.command))
	}
}

func (k *Keeper) leave() {
	k.say("exiting")
	if k.command.StatusFile != "" && !k.since.IsZero() {
		if err := os.Remove(k.command.StatusFile); err != nil && !os.IsNotExist(err) {
			k.say("cannot remove status file %s: %v", k.command.StatusFile, err)
		}
	}
}

// update writes the status file: a worker is in it once it has started.
func (k *Keeper) update() {
	if k.command.StatusFile == "" {
		return
	}
	pids := maps.Clone(k.pids)
	maps.DeleteFunc(pids, func(gen, _ int) bool { return gen > k.serving })
	complaint := ""
	if err := writeStatus(k.command.StatusFile, pids); err != nil {
		complaint = err.Error()
	}
	if complaint != "" && complaint != k.complaint {
		k.say("%s", complaint)
	}
	k.complaint = complaint
}

// list writes pids as start_server does.
func (k *Keeper) list(pids map[int]int) string {
	var words []string
	for _, pid := range slices.Sorted(maps.Values(pids)) {
		words = append(words, strconv.Itoa(pid))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ",")
}
