package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/herderd/herder/handoff"
)

// socket: did the app take our sockets?

const takeIt = "make the app serve on the socket it is given (LISTEN_FDS, {fd:NAME}) instead of one it binds itself"

func lookSocket(h *Herd) []Finding {
	workers := h.up()
	if len(h.Listeners) == 0 || len(workers) == 0 {
		return nil
	}
	found := h.each(func(w Worker) *Finding {
		if w.holds() {
			return nil
		}
		f := wrong(takeIt, "none of the sockets of herder is open any more")
		return &f
	})
	for _, l := range h.Listeners {
		held, waited := false, false
		for _, w := range workers {
			for _, p := range w.Processes {
				held = held || p.Hidden || slices.Contains(p.Holds, l.Name)
				waited = waited || p.Hidden || slices.Contains(p.Waits, l.Name)
			}
		}
		switch {
		case !held:
			found = append(found, wrong(takeIt, "%s: no worker has it open; who connects there waits for ever", l))
		case !waited && !h.elsewhere():
			found = append(found, warn("if it is not because all are busy: "+takeIt, "%s: no worker was seen to wait on it, in two looks %s apart; %d wait in its queue", l, h.Between, l.Queued))
		}
	}
	return found
}

// elsewhere says whether a worker serves on a socket of its own, which is another finding.
func (h *Herd) elsewhere() bool {
	return slices.ContainsFunc(h.up(), func(w Worker) bool { return !w.waits() && len(w.listens()) > 0 })
}

func (w Worker) listens() []string {
	var all []string
	for _, p := range w.Processes {
		all = append(all, p.Listens...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func fineSocket(h *Herd) string {
	if len(h.Listeners) == 0 || h.elsewhere() {
		return ""
	}
	switch hidden := slices.ContainsFunc(h.up(), Worker.hidden); {
	case hidden && len(h.Unseen) > 0: // lookSight says why
		return ""
	case hidden:
		return "the workers have the sockets of herder open; io_uring hides whether they wait on them"
	}
	return h.forUp("the workers have the sockets of herder open and wait on them")
}

// foreign: on what else do they listen?

func lookForeign(h *Herd) []Finding {
	if h.Binds {
		return nil
	}
	return h.each(func(w Worker) *Finding {
		addresses := w.listens()
		if len(addresses) == 0 {
			return nil
		}
		where := strings.Join(addresses[:min(len(addresses), namesMost)], ", ")
		f := warn("if clients come there: let herder open it (bind), or the next generation cannot while this one serves",
			"a socket that herder did not open listens on %s", where)
		if len(h.Listeners) > 0 && !w.waits() {
			f = wrong(takeIt, "a socket that herder did not open listens on %s, and none of those that herder gave is waited on", where)
		}
		return &f
	})
}

func fineForeign(h *Herd) string {
	if h.Binds {
		var all []string
		for _, w := range h.up() {
			all = append(all, w.listens()...)
		}
		if len(all) == 0 {
			return ""
		}
		return h.forUp("the server opens its sockets itself: %s", strings.Join(all, ", "))
	}
	if len(h.Unseen) > 0 && slices.ContainsFunc(h.up(), Worker.hidden) {
		return ""
	}
	return h.forUp("no worker listens on a socket that herder did not open")
}

// of asks about every listener that is not closed on purpose.
func (h *Herd) of(judge func(Listener) *Finding) []Finding {
	var found []Finding
	for _, l := range h.Listeners {
		if l.Sealed {
			continue
		}
		if f := judge(l); f != nil {
			f.Detail = l.String() + ": " + f.Detail
			found = append(found, *f)
		}
	}
	return found
}

// listening: is each socket open for clients at all?

func lookListening(h *Herd) []Finding {
	return h.of(func(l Listener) *Finding {
		var f Finding
		switch {
		case l.Down:
			f = wrong("herder status tries again, and if that does not help herder upgrade; then find out which worker shuts it down as it leaves", "somebody shut it down, and herder could not open it again: clients are refused")
		case l.Lost != nil:
			f = wrong("see ip address; when it comes back the listener serves again", "%v", l.Lost)
		default:
			return nil
		}
		return &f
	})
}

func fineListening(h *Herd) string {
	return h.forListeners("nobody has shut down a listener")
}

// blocking: O_NONBLOCK is one flag for all who share a socket.

func lookBlocking(h *Herd) []Finding {
	return h.of(func(l Listener) *Finding {
		var f Finding
		switch {
		case l.Want == handoff.NonBlocking && !l.NonBlocking:
			f = wrong("herder status sets it again; a program that passes the socket on by os/exec or the like clears it",
				"O_NONBLOCK was cleared, for all who share the socket: an event loop that loses a race for a connection hangs")
		case l.Want == handoff.Blocking && l.NonBlocking:
			f = wrong("herder status clears it again; the app must not set it",
				"O_NONBLOCK was set, for all who share the socket, but the socket is to block: who calls accept fails at once")
		case l.Needs == handoff.Blocking && l.NonBlocking:
			f = wrong("take nonblocking from its bind", "O_NONBLOCK is set, as configured, but this server needs a socket that blocks")
		case l.Needs == handoff.NonBlocking && !l.NonBlocking:
			f = wrong("take blocking from its bind", "O_NONBLOCK is clear, as configured, but this server needs it set")
		default:
			return nil
		}
		return &f
	})
}

func fineBlocking(h *Herd) string {
	var words []string
	for _, l := range h.Listeners {
		how := "blocks"
		if l.NonBlocking {
			how = "does not block"
		}
		words = append(words, l.Name+" "+how)
	}
	return h.forListeners("O_NONBLOCK stands as it must: %s", strings.Join(words, ", "))
}

// backlog: how many may wait?

func lookBacklog(h *Herd) []Finding {
	return h.of(func(l Listener) *Finding {
		var f Finding
		switch {
		case l.Backlog == 0 || l.Granted == 0:
			return nil
		case l.Backlog < l.Granted:
			f = wrong("herder status puts it back; to keep it, tell the app not to call listen, or with the same number",
				"its backlog is %d, it should be %d: somebody called listen again", l.Backlog, l.Granted)
		case l.Asked > l.Granted:
			f = warn(fmt.Sprintf("sysctl net.core.somaxconn=%d, and start herder again", l.Asked), "its backlog is %d, %d were asked for: the kernel gives no more", l.Backlog, l.Asked)
		case l.Asked > 0 && l.Backlog > l.Granted:
			f = warn("herder status puts it back; to keep it, tell the app not to call listen, or with the same number",
				"its backlog is %d, %d were asked for: somebody called listen again", l.Backlog, l.Asked)
		default:
			return nil
		}
		return &f
	})
}

func fineBacklog(h *Herd) string {
	var words []string
	for _, l := range h.Listeners {
		if l.Backlog > 0 {
			words = append(words, fmt.Sprintf("%s %d", l.Name, l.Backlog))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "as it should be: " + strings.Join(words, ", ")
}

// mended: what herder has put right already, which is no harm, but a hint.

func lookMended(h *Herd) []Finding {
	var found []Finding
	for _, l := range h.Listeners {
		if l.Mended > 0 {
			times := "once"
			if l.Mended > 1 {
				times = fmt.Sprintf("%d times, the last time", l.Mended)
			}
			found = append(found, Finding{Level: OK, Detail: fmt.Sprintf("%s: herder mended it %s: %s", l, times, l.MendedHow)})
		}
	}
	return found
}
