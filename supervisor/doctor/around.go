package doctor

import (
	"fmt"
	"slices"
	"time"
)

// above is a supervisor of ours, with what people do to it that does not wait
// for as long as workers may take.
type above struct {
	name     string
	waits    time.Duration
	who      string
	lengthen func(seconds int) string
}

// supervisors: sv(8) of runit waits for 7 s unless -w or SVWAIT say otherwise;
// systemd's TimeoutStopSec is 90 s by default (systemd-system.conf(5)). In a
// container we are PID 1, and docker stop waits for 10 s.
var supervisors = []above{
	{"runsv", 7 * time.Second, "sv", func(s int) string { return fmt.Sprintf("sv -w %d, or SVWAIT=%d for who calls it", s, s) }},
	{"systemd", 90 * time.Second, "systemd, by default,", func(s int) string { return fmt.Sprintf("TimeoutStopSec=%d", s) }},
	{Container, 10 * time.Second, "docker stop", func(s int) string {
		return fmt.Sprintf("docker stop -t %d; terminationGracePeriodSeconds: %d", s, s)
	}},
}

// Container is who is above a herder that is PID 1.
const Container = "container"

// margin is for what comes after stop_timeout: the killing, and the end of herder.
const margin = 10 * time.Second

func (h *Herd) supervisor() *above {
	for i := range supervisors {
		if len(h.Above) > 0 && h.Above[0] == supervisors[i].name {
			return &supervisors[i]
		}
	}
	return nil
}

// stop-timeout: does the supervisor above wait for as long as a stop may take?

func lookStopTimeout(h *Herd) []Finding {
	s := h.supervisor()
	switch {
	case s != nil && h.StopTimeout == 0:
		return []Finding{warn("let it wait for as long as they take", "workers may take as long as they want, but %s waits for %s only: a stop or restart may take longer than it is waited for", s.who, s.waits)}
	case s == nil || h.StopTimeout <= s.waits:
		return nil
	}
	enough := (h.StopTimeout + margin + time.Second - 1) / time.Second
	return []Finding{warn(s.lengthen(int(enough)), "stop_timeout is %s, but %s waits for %s only: a stop or restart may take longer than it is waited for", h.StopTimeout, s.who, s.waits)}
}

func fineStopTimeout(h *Herd) string {
	if s := h.supervisor(); s != nil {
		return fmt.Sprintf("%s waits for %s, and workers may take %s", s.who, s.waits, h.StopTimeout)
	}
	return ""
}

// parent: do the signals of the supervisor above reach herder?

func lookParent(h *Herd) []Finding {
	i := slices.IndexFunc(h.Above, func(name string) bool { return name == "runsv" })
	if i < 1 {
		return nil
	}
	return []Finding{wrong("write exec before herder run, in the run script", "runsv started %s, and that started herder: what sv says does not reach herder", h.Above[i-1])}
}

func fineParent(h *Herd) string {
	if len(h.Above) > 0 && h.Above[0] == "runsv" {
		return "herder is the child of runsv"
	}
	return ""
}

// sight: what could not be looked at?

func lookSight(h *Herd) []Finding {
	var found []Finding
	for _, why := range h.Unseen[:min(len(h.Unseen), namesMost)] {
		found = append(found, warn("ask again, as root", "%s", why))
	}
	return found
}
