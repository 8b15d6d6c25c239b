package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor"
	"github.com/herderd/herder/supervisor/foreign"
	"github.com/herderd/herder/supervisor/herd"
)

// classic says, beside herder's own lines, what unicornherder's log said, because
// people have monitors that look for it:
//
//	Unicorn booted (PID 12)
//	Caught HUP: gracefully restarting PID 12
//	Unicorn changed PID (was 12, now 34)
//	The expected number of workers (4) was not reached in 120 seconds. PID 12 goes on.
//	Unicorn failed to daemonize within 30 seconds. Sending TERM and exiting.
//	Unicorn died. Exiting.
//
// A master is named once it serves, not as soon as its pid is in the file. One that
// dies when nobody asked it to is started again here: that is its own line, and what
// was grepped for ("Exiting") is said when herder does so, and not when it was asked to.
type classic struct {
	supervisor.Onlooker
	log   *slog.Logger
	title string
	boot  time.Duration // until it listens
	serve time.Duration // until its workers serve

	pid       int // of the master that serves; 0: none
	upgrading bool
}

var _ supervisor.Companion = (*classic)(nil)

func (c *classic) Heard(s os.Signal, usual []herd.Event, _ func(int, string)) []herd.Event {
	if sig, ok := s.(unix.Signal); ok && len(usual) > 0 {
		c.heard(sig)
	}
	return usual
}

func (c *classic) heard(s unix.Signal) {
	name := unix.SignalName(s)[len("SIG"):]
	switch {
	case s != unix.SIGHUP && s != unix.SIGUSR2:
		c.log.Debug(fmt.Sprintf("Caught %s", name))
	case c.pid == 0:
		c.log.Warn(fmt.Sprintf("Caught %s but have no tracked process.", name))
	default:
		c.log.Info(fmt.Sprintf("Caught %s: gracefully restarting PID %d", name, c.pid))
	}
}

func (c *classic) Did(e herd.Effect, look supervisor.Looker, _ time.Time) {
	switch e := e.(type) {
	case herd.Check:
		c.upgrading = true
	case herd.Spawn:
		if c.pid != 0 && !c.upgrading {
			c.pid = 0
			c.log.Error(c.title + " died. Starting it again.")
		}
	case herd.Adopt:
		if master := look(e.Gen).Master; master != nil {
			c.adopted(master.PID)
		}
	case herd.Conclude:
		c.upgrading = false
		if v := e.Verdict; v.Outcome == herd.RolledBack && v.TooLate() {
			c.log.Error(fmt.Sprintf("The expected number of workers (%d) was not reached in %s. PID %d goes on.",
				len(look(v.From).Workers), inSeconds(c.serve), c.pid))
		}
	case herd.Leave:
		c.leave(e.Verdict)
	}
}

func (c *classic) adopted(pid int) {
	if c.pid == 0 {
		c.log.Info(fmt.Sprintf("%s booted (PID %d)", c.title, pid))
	} else if c.pid != pid {
		c.log.Info(fmt.Sprintf("%s changed PID (was %d, now %d)", c.title, c.pid, pid))
	}
	c.pid = pid
}

func (c *classic) leave(v herd.Verdict) {
	switch {
	case v.Outcome != herd.NeverServed:
	case v.TooLate(): // at least one was expected
		c.log.Error(fmt.Sprintf("The expected number of workers (1) was not reached in %s. Sending TERM and exiting.", inSeconds(c.serve)))
	case strings.HasPrefix(v.Reason, foreign.ListensNowhere):
		c.log.Error(fmt.Sprintf("%s failed to daemonize within %s. Sending TERM and exiting.", c.title, inSeconds(c.boot)))
	default:
		c.log.Error(c.title + " died. Exiting.")
	}
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.0f seconds", d.Seconds()) }
