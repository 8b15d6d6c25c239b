package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// signal is a signal's name without SIG, unless it is one of those that make
// no sense here.
func (r *reader) signal(n node, senseless ...string) (string, bool) {
	s, ok := r.word(n)
	if !ok {
		return "", false
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	switch {
	case unix.SignalNum("SIG"+name) == 0:
		r.wrong(n, "%s: unknown signal %q%s", n.name, s, meant(Nearest(name, signalNames())))
	case slices.Contains(senseless, name):
		r.wrong(n, "%s cannot be %s: no process can act on it", n.name, name)
	default:
		return name, true
	}
	return "", false
}

func meant(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", near)
}

func signalNames() []string {
	var names []string
	for s := unix.Signal(1); s < 32; s++ {
		if name := unix.SignalName(s); name != "" {
			names = append(names, strings.TrimPrefix(name, "SIG"))
		}
	}
	return names
}

// umask is octal text: TOML's 22 is decimal, and its 022 an error.
func (r *reader) umask(n node) {
	s, ok := n.v.(string)
	v, err := strconv.ParseUint(s, 8, 32)
	if !ok || err != nil || v > 0o777 {
		r.wrong(n, "umask must be octal in quotes, as \"0022\"")
		return
	}
	r.c.Umask = int(v)
}

func (r *reader) nice(n node) {
	if v, ok := r.number(n, -20, 19); ok {
		r.c.Nice = &v
	}
}

// limitNames are the names of getrlimit(2), the number of each is its place.
func limitNames() []string {
	return []string{"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
		"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"}
}

func (r *reader) limits(n node) {
	entries, ok := n.v.(map[string]any)
	if !ok {
		r.wrong(n, "limits must be a table, as nofile = 65536, this is %s", kind(n.v))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := n.entry(name, entries[name])
		number := slices.Index(limitNames(), name)
		if number < 0 {
			r.unknown(e.path, name, limitNames())
			continue
		}
		soft, hard, ok := limit(e.v)
		if !ok || soft > hard {
			r.wrong(e, "%s must be a number, \"SOFT:HARD\" or \"unlimited\", the soft limit not above the hard one", e.name)
			continue
		}
		r.c.Rlimits = append(r.c.Rlimits, proc.Rlimit{Resource: number, Soft: soft, Hard: hard})
	}
}

func (r *reader) logFormat(n node) {
	s, ok := r.text(n)
	if ok && s != "text" && s != "json" {
		r.wrong(n, "%q is no format of a log: text or json", s)
		return
	}
	assign(&r.c.LogFormat)(s, ok)
}
