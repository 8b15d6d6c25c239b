package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// key is one row of the table of all keys.
type key struct {
	name string // "log.file" is file in the table log
	read func(*reader, node)
}

// keys are all keys, in the order of reference.toml.
func keys() []key {
	return []key{
		{"name", (*reader).name},
		{"command", (*reader).command},
		{"dialect", (*reader).dialect},
		{"kind", (*reader).kind},
		{"directory", (*reader).directory},
		{"user", (*reader).user},
		{"env", (*reader).env},
		{"bind", (*reader).bind},
		{"workers", func(r *reader, n node) { r.counts = append(r.counts, n) }}, // for countWorkers
		{"rolling", func(r *reader, n node) { assign(&r.c.Rolling)(r.yes(n)) }},
		{"pidfile", func(r *reader, n node) { assign(&r.c.Pidfile)(r.word(n)) }},
		{"herder_pidfile", func(r *reader, n node) { assign(&r.c.HerderPidfile)(r.word(n)) }},
		{"runtime_dir", func(r *reader, n node) { assign(&r.c.RuntimeDir)(r.word(n)) }},
		{"ready", (*reader).ready},
		{"ready_timeout", func(r *reader, n node) { assign(&r.c.ReadyTimeout)(r.duration(n, time.Millisecond)) }},
		{"overlap", func(r *reader, n node) { assign(&r.c.Overlap)(r.duration(n, 0)) }},
		{"stop_timeout", func(r *reader, n node) { assign(&r.c.StopTimeout)(r.duration(n, time.Millisecond)) }},
		{"start_tries", func(r *reader, n node) { assign(&r.c.StartTries)(r.number(n, 1, 1000)) }},
		{"watchdog", func(r *reader, n node) { assign(&r.c.Watchdog)(r.duration(n, 0)) }},
		{"graceful", func(r *reader, n node) { assign(&r.c.Graceful)(r.signal(n, "KILL", "STOP")) }},
		{"quick", func(r *reader, n node) { assign(&r.c.Quick)(r.signal(n, "STOP")) }},
		{"umask", (*reader).umask},
		{"nice", (*reader).nice},
		{"limits", (*reader).limits},
		{"log.file", func(r *reader, n node) { assign(&r.c.LogFile)(r.word(n)) }},
		{"log.format", (*reader).logFormat},
		{"log.prefix", func(r *reader, n node) { assign(&r.c.LogPrefix)(r.yes(n)) }},
	}
}

// MaxWorkers of one generation.
const MaxWorkers = 1000

// assign stores what was read without a mistake.
func assign[T any](to *T) func(T, bool) {
	return func(v T, ok bool) {
		if ok {
			*to = v
		}
	}
}

// take reads a value, and keeps it in mind.
func (r *reader) take(k key, n node) {
	r.given[k.name] = n
	k.read(r, n)
}

// table reads what a table holds, in the order of the keys; prefix is "" or
// the name of the table with its dot.
func (r *reader) table(path, prefix string, entries map[string]any) {
	rest := maps.Clone(entries)
	var known []string
	for _, k := range keys() {
		name, ok := strings.CutPrefix(k.name, prefix)
		if !ok {
			continue
		}
		name, inner, nested := strings.Cut(name, ".")
		known = append(known, name)
		v, given := rest[name]
		if !given {
			continue
		}
		delete(rest, name)
		n := node{name: prefix + name, path: join(path, name), v: v}
		switch sub, isTable := v.(map[string]any); {
		case !nested:
			r.take(k, n)
		case isTable:
			r.table(n.path, n.name+".", sub)
		default:
			r.wrong(n, "%s is a table: write %s.%s = …", n.name, n.name, inner)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		r.unknown(join(path, name), name, known)
	}
}

func (r *reader) name(n node) {
	s, ok := r.word(n)
	if ok && s != fileName(s) {
		r.wrong(n, "%q cannot be a name: letters, digits and . _ - @, at most %d, the first no dot or dash", s, maxName)
		return
	}
	assign(&r.c.Name)(s, ok)
}

func (r *reader) command(n node) {
	r.commanded = true
	if s, ok := n.v.(string); ok && !n.flag {
		words, err := split(s)
		if bad, at := errors.AsType[*splitError](err); at {
			r.wrongAt(n, bad.at, "command: "+bad.what)
		} else if err != nil {
			r.wrong(n, "%v", err)
		} else if name, _, ok := strings.Cut(words[0], "="); ok && name != "" {
			r.wrong(n, "command: %s is for a shell, and there is none: write %s under [env]", words[0], name)
		}
		r.c.Command = words
		return
	}
	nodes, ok := r.list(n)
	if !ok {
		return
	}
	r.c.Command = make([]string, len(nodes))
	for i, word := range nodes {
		r.c.Command[i], _ = r.text(word)
	}
	if len(nodes) == 0 || r.c.Command[0] == "" {
		r.wrong(n, "the command is empty")
	}
}

func (r *reader) directory(n node) {
	s, ok := r.word(n)
	if ok && !n.flag && !filepath.IsAbs(s) {
		s = filepath.Join(filepath.Dir(r.c.File), s)
	}
	assign(&r.c.Directory)(s, ok)
}

func (r *reader) user(n node) {
	s, ok := r.word(n)
	if !ok {
		return
	}
	u, err := proc.LookupUser(s)
	if err != nil {
		r.wrong(n, "%v", err)
		return
	}
	r.c.User = u
}

func (r *reader) env(n node) {
	entries, ok := n.v.(map[string]any)
	if !ok {
		r.wrong(n, "env must be a table of NAME = \"value\", this is %s", kind(n.v))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := n.entry(name, entries[name])
		if n.flag {
			e.name = n.name
		}
		if what := badVariable(name); what != "" {
			r.wrong(e, "%s", what)
			continue
		}
		if s, ok := r.text(e); ok {
			r.c.Env[name] = s
		}
	}
}

// badVariable says why nothing can be named so in an environment.
func badVariable(name string) string {
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return fmt.Sprintf("%q cannot be the name of a variable", name)
	case slices.Contains([]string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "HERDER_GENERATION", "HERDER_WORKER", "NOTIFY_SOCKET"}, name):
		return fmt.Sprintf("%s is set by herder for each worker", name)
	}
	return ""
}

func (r *reader) bind(n node) {
	nodes, ok := r.list(n)
	if !ok {
		return
	}
	r.c.Bind = nil
	var good []node
	for _, one := range nodes {
		s, ok := r.word(one)
		if !ok {
			continue
		}
		spec, err := handoff.ParseSpec(s)
		if err != nil {
			r.wrong(one, "%v", err)
			continue
		}
		r.c.Bind = append(r.c.Bind, spec)
		good = append(good, one)
	}
	if _, j, err := handoff.Conflict(r.c.Bind); err != nil {
		r.wrong(good[j], "%v", err)
	}
}

func (r *reader) ready(n node) {
	s, ok := r.word(n)
	if !ok {
		return
	}
	how, err := ready.Parse(s)
	if err != nil {
		r.wrong(n, "%v", err)
		return
	}
	r.c.Ready = how
}
