package doctor

import (
	"fmt"
	"slices"
)

// wrapper: is the process that herder signals the one that serves? A shell that
// waits for the server it started dies of the signal, and the server never hears
// of it.

func lookWrapper(h *Herd) []Finding {
	return h.each(func(w Worker) *Finding {
		server := h.wrapped(w)
		if server == nil {
			return nil
		}
		f := wrong("write exec before the command: sh -c 'exec COMMAND'; or let the wrapper pass the signal on, and wait",
			"%s started %s, which does the work, and does not pass %s on: what is in hand is cut off at each upgrade and stop", w.root().Name, server.Name, h.Graceful)
		return &f
	})
}

// wrapped is the process that does the work where the one that is signalled does not; nil
// when that one does, or has a handler, and so may know how to pass the signal on.
func (h *Herd) wrapped(w Worker) *Process {
	root := w.root()
	if root.Catches || root.Ignores || root.Hidden || root.serving() {
		return nil
	}
	for i := range w.Processes[1:] {
		p := &w.Processes[1+i]
		if p.serving() || len(h.Listeners) == 0 && isShell(root.Program) {
			return p
		}
	}
	return nil
}

func isShell(program string) bool {
	return slices.Contains([]string{"dash", "bash", "ash", "ksh", "mksh", "zsh", "busybox"}, program)
}

// fineWrapper says nothing where one that does not serve ignores the signal: who does
// the work then is not told.
func fineWrapper(h *Herd) string {
	if slices.ContainsFunc(h.up(), func(w Worker) bool { return w.root().Ignores && !w.root().serving() }) {
		return ""
	}
	return h.forUp("herder signals the processes that do the work")
}

// graceful: does the worker know the signal to finish and leave?

func lookGraceful(h *Herd) []Finding {
	return h.each(func(w Worker) *Finding {
		root := w.root()
		if h.wrapped(w) != nil {
			return nil
		}
		var f Finding
		switch {
		case root.Ignores:
			end := "until it is killed after stop_timeout"
			if h.StopTimeout == 0 {
				end = "and nobody kills it"
			}
			f = wrong("set "+farewell+" to the signal that lets it finish",
				"%s ignores %s: at each upgrade and stop it serves on %s", root.Name, h.Graceful, end)
		case !root.Catches:
			f = warn("let it catch the signal, or set "+farewell+" to the one that lets it finish",
				"%s has no handler for %s and dies of it: what it has in hand is cut off at each upgrade and stop", root.Name, h.Graceful)
		default:
			return nil
		}
		return &f
	})
}

// farewell is where the signal is set.
const farewell = "graceful (of start_server: --signal-on-hup and --signal-on-term)"

// fineGraceful says nothing of a wrapper: that the signal does not come through it is
// found above.
func fineGraceful(h *Herd) string {
	if slices.ContainsFunc(h.up(), func(w Worker) bool { return h.wrapped(w) != nil }) {
		return ""
	}
	return h.forUp("the workers catch %s", h.Graceful)
}

// limits: may they open enough files?

// fewFiles is what Linux and most distributions give as the soft limit.
const fewFiles = 1024

func lookLimits(h *Herd) []Finding {
	return h.each(func(w Worker) *Finding {
		const do = "a higher limit: nofile under [limits]"
		var f *Finding
		for _, p := range w.Processes {
			switch {
			case p.MayOpen == 0:
			case uint64(p.Open)*10 >= p.MayOpen*9:
				bad := wrong(do, "%s has %d files open of %d that it may: soon it can accept nothing", p.Name, p.Open, p.MayOpen)
				return &bad
			case p.MayOpen < fewFiles && f == nil:
				few := warn(do, "%s may open only %d files, and each connection is one", p.Name, p.MayOpen)
				f = &few
			}
		}
		return f
	})
}

func fineLimits(h *Herd) string {
	var most float64
	for _, w := range h.up() {
		for _, p := range w.Processes {
			if p.MayOpen > 0 {
				most = max(most, float64(p.Open)/float64(p.MayOpen))
			}
		}
	}
	if most == 0 { // no limit could be seen
		return ""
	}
	return h.forUp("no worker has more than %s of the files open that it may", percent(most))
}

func percent(part float64) string { return fmt.Sprintf("%d %%", int(100*part)+1) }
