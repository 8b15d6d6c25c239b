package doctor

import (
	"fmt"
	"slices"
	"time"
)

// serves: is there anybody who answers, and as many as there should be?

func lookServes(h *Herd) []Finding {
	g := h.Serving
	switch {
	case g == nil || h.Starting:
		return []Finding{wrong("the log of herder says why", "no generation serves (%s)", h.State)}
	case g.Headless:
		return []Finding{warn("if it stays so: herder upgrade", "the master of generation %d is gone; its workers serve on, but none is replaced when it dies", g.Number)}
	case g.Want == 0:
		return []Finding{warn("herder scale N, or the signal HUP, brings workers back", "generation %d has no workers, and is to have none", g.Number)}
	case h.Upgrading: // a rolling upgrade takes workers from this generation
		return nil
	case g.Up < g.Want && g.boots() == g.Want-g.Up:
		return []Finding{warn("if it stays so: what they write to stderr says why", "%d of %d workers of generation %d are up, the others boot", g.Up, g.Want, g.Number)}
	case g.Up < g.Want:
		return []Finding{wrong("what they write to stderr says why", "%d of %d workers of generation %d are up", g.Up, g.Want, g.Number)}
	}
	return nil
}

// boots counts the workers that are on their way.
func (g *Generation) boots() int {
	n := 0
	for _, w := range g.Workers {
		if w.State == "starting" || w.State == "booting" {
			n++
		}
	}
	return n
}

func fineServes(h *Herd) string {
	text := fmt.Sprintf("generation %d serves, %d of %d workers are up", h.Serving.Number, h.Serving.Up, h.Serving.Want)
	if h.Upgrading {
		text += "; an upgrade is under way, and only this generation is looked at"
	}
	return text
}

// workers: do they stay up?

// lately is how long ago a restart is worth a line.
const lately = time.Minute

func lookWorkers(h *Herd) []Finding {
	if h.Serving == nil {
		return nil
	}
	var found []Finding
	for _, w := range h.Serving.Workers {
		const do = "what it writes to stderr says why"
		switch {
		case w.Up && len(w.Processes) == 0 && len(h.Unseen) == 0:
			found = append(found, warn(do, "worker %d ended while it was looked at", w.ID))
		case w.State == "waiting":
			found = append(found, wrong(do, "worker %d is down and waits for its next start, the %s; before: %s", w.ID, nth(w.Restarts+1), orUnknown(w.Last)))
		case w.Restarts > 0 && w.For < lately:
			found = append(found, warn(do, "worker %d was started again %s ago, for the %s time; before: %s", w.ID, w.For.Truncate(time.Second), nth(w.Restarts), orUnknown(w.Last)))
		}
	}
	return found
}

func orUnknown(how string) string {
	if how == "" {
		return "nobody saw how it ended"
	}
	return how
}

func nth(n int) string {
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			return fmt.Sprintf("%dst", n)
		case 2:
			return fmt.Sprintf("%dnd", n)
		case 3:
			return fmt.Sprintf("%drd", n)
		}
	}
	return fmt.Sprintf("%dth", n)
}

func fineWorkers(h *Herd) string {
	return h.forUp("none of them was started again within the last minute")
}

// respawn: a server whose children die and are replaced all the time answers,
// and so nobody notices: php-fpm on a socket that does not block. What does not hold a
// socket, or is another program than the one that started it, is no server, and
// may come and go.

// young is until when a worker may still be starting its children: those of a
// younger one count when they end.
const young = 3 * time.Second

func lookRespawn(h *Herd) []Finding {
	return h.each(func(w Worker) *Finding {
		root := w.root()
		old, fresh, gone := w.turnover()
		if w.For < young {
			fresh = 0
		}
		if root.New || fresh+gone == 0 {
			return nil
		}
		changed, all := max(fresh, gone), old+max(fresh, gone)
		text := fmt.Sprintf("%d of %d processes that %s started to serve were replaced within %s", changed, all, root.Name, h.Between)
		f := warn("if that goes on, its own log says why they end", "%s", text)
		if 2*changed >= all {
			f = wrong("its own log says why they end; php-fpm and Starman need a socket that blocks: bind = \"ADDRESS,blocking\"", "%s", text)
		}
		return &f
	})
}

// turnover counts the processes that serve beside the first one: those that stayed,
// came and went between the looks.
func (w Worker) turnover() (old, fresh, gone int) {
	for _, p := range w.Processes[1:] {
		switch {
		case !p.serves():
		case p.New:
			fresh++
		default:
			old++
		}
	}
	for _, p := range w.Gone {
		if p.serves() {
			gone++
		}
	}
	return old, fresh, gone
}

// fineRespawn says nothing where a worker itself was not there at the first look.
func fineRespawn(h *Herd) string {
	if slices.ContainsFunc(h.up(), func(w Worker) bool { return w.root().New }) {
		return ""
	}
	return h.forUp("no process that serves was replaced within %s", h.Between)
}
