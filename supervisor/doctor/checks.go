package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Level is how bad a finding is.
type Level string

// The levels, from good to bad.
const (
	OK    Level = "ok"
	Warn  Level = "warn"
	Wrong Level = "wrong"
)

// Finding is one line of what was found.
type Finding struct {
	Level  Level
	Check  string // the id of the check
	Detail string
	Do     string // what to do about it; "" when nothing need be done
}

// Check is one row of the table.
type check struct {
	id   string
	look func(*Herd) []Finding // what is not as it should be, or worth a line of its own
	fine func(*Herd) string    // what is said when there is no such thing; "": the check does not apply
}

// checks are in the order of the findings.
var checks = [...]check{
	{"serves", lookServes, fineServes},
	{"workers", lookWorkers, fineWorkers},
	{"respawn", lookRespawn, fineRespawn},
	{"socket", lookSocket, fineSocket},
	{"foreign", lookForeign, fineForeign},
	{"listening", lookListening, fineListening},
	{"blocking", lookBlocking, fineBlocking},
	{"backlog", lookBacklog, fineBacklog},
	{"path", lookPath, finePath},
	{"access", lookAccess, fineAccess},
	{"mended", lookMended, silent},
	{"wrapper", lookWrapper, fineWrapper},
	{"graceful", lookGraceful, fineGraceful},
	{"limits", lookLimits, fineLimits},
	{"pidfile", lookPidfile, finePidfile},
	{"parent", lookParent, fineParent},
	{"stop-timeout", lookStopTimeout, fineStopTimeout},
	{"sight", lookSight, silent},
}

// Checks are the ids of all checks, in the order of their findings.
func Checks() []string {
	ids := make([]string, len(checks))
	for i := range checks {
		ids[i] = checks[i].id
	}
	return ids
}

// Examine judges what was seen.
func Examine(h *Herd) []Finding {
	var all []Finding
	for _, c := range checks {
		found := c.look(h)
		if len(found) == 0 {
			if text := c.fine(h); text != "" {
				found = []Finding{{Level: OK, Detail: text}}
			}
		}
		for i := range found {
			found[i].Check = c.id
		}
		all = append(all, found...)
	}
	return all
}

func warn(do, format string, args ...any) Finding {
	return Finding{Level: Warn, Detail: fmt.Sprintf(format, args...), Do: do}
}

func wrong(do, format string, args ...any) Finding {
	return Finding{Level: Wrong, Detail: fmt.Sprintf(format, args...), Do: do}
}

func silent(*Herd) string { return "" }

// each asks about every worker that is up, and says once what is the same for several.
func (h *Herd) each(judge func(Worker) *Finding) []Finding {
	var found []Finding
	var who [][]int
	for _, w := range h.up() {
		f := judge(w)
		if f == nil {
			continue
		}
		i := slices.Index(found, *f)
		if i < 0 {
			i = len(found)
			found, who = append(found, *f), append(who, nil)
		}
		who[i] = append(who[i], w.ID)
	}
	for i := range found {
		found[i].Detail = names(who[i]) + ": " + found[i].Detail
	}
	return found
}

// up are the workers of the generation that serves which serve themselves, and of
// which something was seen; where nothing serves yet, all those that are to.
func (h *Herd) up() []Worker {
	if h.Serving == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(h.Serving.Workers), func(w Worker) bool { return !w.Up && !h.Starting || len(w.Processes) == 0 })
}

// namesMost is how many workers a line names.
const namesMost = 8

func names(ids []int) string {
	if len(ids) == 1 && ids[0] == Master {
		return "the master"
	}
	if len(ids) == 1 {
		return "worker " + strconv.Itoa(ids[0])
	}
	var words []string
	for _, id := range ids[:min(len(ids), namesMost)] {
		words = append(words, strconv.Itoa(id))
	}
	more := ""
	if len(ids) > namesMost {
		more = fmt.Sprintf(" and %d more", len(ids)-namesMost)
	}
	return "workers " + strings.Join(words, ", ") + more
}

// forUp is the text where workers are up, and nothing where none is.
func (h *Herd) forUp(format string, args ...any) string {
	if len(h.up()) == 0 {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// forListeners is the text where there are listeners.
func (h *Herd) forListeners(format string, args ...any) string {
	if len(h.Listeners) == 0 {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
