package supervisor

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/proc"
)

// examine answers "what is wrong with this herd?".
func (h *Herder) examine(answer chan<- control.Reply) {
	snap := h.core.Snapshot()
	known := doctor.Herd{State: stateName(snap.Phase), Upgrading: snap.Serving != 0 && snap.Successor != 0}
	look := snap.Serving
	if look == 0 {
		look, known.Starting = snap.Successor, true // the first one, or one that follows a disaster
	}
	h.kernel.Examine(known, look, func(seen doctor.Herd) { answer <- diagnosis(h.name, &seen) })
}

func diagnosis(name string, seen *doctor.Herd) control.Reply {
	d := &control.Diagnosis{Name: name, PID: os.Getpid()}
	wrong := 0
	for _, f := range doctor.Examine(seen) {
		d.Findings = append(d.Findings, control.Finding{Level: string(f.Level), Check: f.Check, Detail: f.Detail, Do: f.Do})
		if f.Level == doctor.Wrong {
			wrong++
		}
	}
	r := control.Reply{Diagnosis: d}
	if wrong > 0 {
		r.Code, r.Error = control.Failed, fmt.Sprintf("wrong: %d of %d findings", wrong, len(d.Findings))
	}
	return r
}

// Examine copies what the loop alone may read, and looks at the rest beside it:
// /proc may be slow, and two looks have a pause between them.
func (t *tender) Examine(known doctor.Herd, gen int, answer func(doctor.Herd)) {
	o := &observer{herd: known, done: t.done, listeners: slices.Clone(t.listeners), ours: map[uint64]bool{}}
	for _, l := range t.listeners {
		for _, ino := range l.Inodes() {
			o.ours[ino] = true
		}
	}
	c := t.current.config
	if g := t.tended[gen]; g != nil {
		c, o.listeners = g.plan.config, slices.Clone(g.plan.listeners)
		o.herd.Serving, o.roots = g.seen(time.Now())
		o.herd.Binds = c.Kind == dialect.Reexec
	}
	if len(o.roots) == 1 {
		o.others = t.masters.Except(o.roots[0])
	}
	for _, l := range o.listeners {
		o.mended = append(o.mended, t.mended[l])
	}
	o.needs = c.Needs()
	o.herd.Graceful, o.herd.StopTimeout = t.farewell(c, gen)
	o.herd.Pidfiles = t.trueFiles(t.current.config, gen, known.Upgrading)
	go func() { answer(o.observe()) }()
}

// farewell is the signal by which a generation is asked to leave, and how long it may
// take; 0: as long as it wants, for no configuration can say so much.
func (t *tender) farewell(c *config.Config, gen int) (signal string, within time.Duration) {
	signal, within = cmp.Or(t.custom.goodbye(gen), c.Row().Says[dialect.Graceful]), c.StopTimeout
	if within > config.MaxDuration {
		within = 0
	}
	return signal, within
}

// seen is a generation as its master told it, with the processes of its workers.
func (g *tended) seen(now time.Time) (*doctor.Generation, []proc.Ref) {
	d := &doctor.Generation{Number: g.n, Want: g.state.Target, Up: g.state.Up, Headless: g.headless()}
	if g.plan.config.Kind != dialect.Pool {
		return d, g.seenForeign(d, now)
	}
	var roots []proc.Ref
	for _, w := range g.state.Workers {
		d.Workers = append(d.Workers, doctor.Worker{
			ID: w.ID, Up: w.State == "up", State: w.State, For: now.Sub(w.Since), Restarts: w.Restarts, Last: w.Last,
		})
		roots = append(roots, proc.Ref{PID: w.PID, Start: w.Start})
	}
	return d, roots
}

// seenForeign is one whose master is the server's own: the herder signals that, and
// the master its workers, so all of them are one tree. The books count it as one worker.
func (g *tended) seenForeign(d *doctor.Generation, now time.Time) []proc.Ref {
	if d.Up > 0 {
		d.Want = max(d.Want, 1)
		d.Up = d.Want
	}
	if g.master == nil {
		return nil
	}
	ref := g.master.Ref()
	d.Workers = []doctor.Worker{{ID: doctor.Master, Up: d.Up > 0, For: now.Sub(startTime(ref))}}
	return []proc.Ref{ref}
}

// trueFiles are the pid files with what they must say. During an upgrade the file
// of the app changes hands, and is not judged.
func (t *tender) trueFiles(c *config.Config, serving int, upgrading bool) []doctor.Pidfile {
	var files []doctor.Pidfile
	if pid := t.pid(serving); c.Pidfile != "" && pid != 0 && !upgrading {
		files = append(files, doctor.Pidfile{Path: c.Pidfile, Whose: "the serving master", Want: pid})
	}
	if t.own != nil {
		files = append(files, doctor.Pidfile{Path: c.HerderPidfile, Whose: "herder", Want: os.Getpid()})
	}
	return files
}
