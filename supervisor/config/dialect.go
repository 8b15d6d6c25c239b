package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/ready"
)

// auto is what follows from the rest of the configuration.
const auto = "auto"

// Row is the dialect that is spoken, with the signals of this configuration.
func (c *Config) Row() dialect.Row {
	row, _ := dialect.Find(c.Dialect)
	return row.With(c.Graceful, c.Quick)
}

func (r *reader) dialect(n node) {
	s, ok := r.word(n)
	if _, known := dialect.Find(s); ok && s != auto && !known {
		names := append(dialect.Names(), auto)
		r.wrong(n, "no dialect is called %q%s (herder dialects lists them)", s, meant(Nearest(s, names)))
		return
	}
	assign(&r.c.Dialect)(s, ok)
}

func (r *reader) kind(n node) {
	s, ok := r.word(n)
	if _, known := dialect.ParseKind(s); ok && s != auto && !known {
		r.wrong(n, "%q is no kind: auto, pool, fresh or reexec", s)
		return
	}
	assign(&r.kindName)(s, ok)
}

// speak settles whose dialect is spoken, and what follows from it.
func (r *reader) speak() {
	c := r.c
	row, why := dialect.Recognise(c.Command)
	if c.Dialect != "" && c.Dialect != auto {
		row, _ = dialect.Find(c.Dialect)
		why = "it is configured"
	} else if name := dialect.Suspect(c.Command); name != "" {
		r.warn("the command looks as if it starts %s, but herder cannot be sure, and herds it as any command: say dialect = %q, or dialect = %q to silence this", name, name, row.Name)
	}
	c.Dialect, c.DialectWhy = row.Name, why
	c.Kind = row.KindFor(c.Command, len(c.Bind) == 0)
	if k, given := dialect.ParseKind(r.kindName); given {
		c.Kind = k
	}
	r.countWorkers()
	r.suits(row)
	var missing []string
	c.Command, missing = row.Complete(c.Command, c.Kind)
	if len(missing) > 0 {
		r.warn("%s needs %s: write that into the text for the shell, which herder does not change", row.Name, dialect.Quote(missing))
	}
	c.Warnings = append(c.Warnings, dialect.Doubts(c.Command)...)
	if row.Binds && c.Kind != dialect.Reexec && len(c.Bind) == 0 && !sharesPort(c.Command) {
		r.warn("%s binds by itself, for herder has no listener to give it: an upgrade would fail, because the address is taken; set bind to that address", row.Name)
	}
	for i := range c.Bind {
		r.fit(&c.Bind[i], row)
	}
}

// fit makes a listener what the server needs.
func (r *reader) fit(b *handoff.Spec, row dialect.Row) {
	if b.Options.Wait == "" {
		b.Options.Wait = waits[row.Wait]
	}
	if b.Network != handoff.Unix || strings.HasPrefix(b.Address, "@") {
		return
	}
	if row.PublicName && r.c.Kind != dialect.Pool {
		b.Options.OneName = true
	}
	if row.Unlinks && r.c.User == nil {
		r.warn("%s removes %s whenever a generation leaves, and who connects before herder has put it back finds nothing: set user to one who may not write in %s", row.Name, b.Address, filepath.Dir(b.Address))
	}
}

func (r *reader) warn(format string, args ...any) {
	r.c.Warnings = append(r.c.Warnings, fmt.Sprintf(format, args...))
}

// sharesPort says whether a server is told to let others bind its address beside it.
func sharesPort(command []string) bool {
	return slices.ContainsFunc(command, func(w string) bool {
		return strings.Contains(strings.NewReplacer("-", "", "_", "").Replace(w), "reuseport")
	})
}

// Needs is how the server needs O_NONBLOCK of its listeners, whatever their options say.
func (c *Config) Needs() handoff.Wait { return waits[c.Row().Wait] }

var waits = map[dialect.Wait]handoff.Wait{dialect.Blocking: handoff.Blocking, dialect.NonBlocking: handoff.NonBlocking}

// countWorkers reads workers, which of a server with a master of its own says
// only how many to expect.
func (r *reader) countWorkers() {
	count, least := &r.c.Expect, 0
	if r.c.Kind == dialect.Pool {
		count, least = &r.c.Workers, 1
	}
	for _, n := range r.counts {
		assign(count)(r.number(n, least, MaxWorkers))
	}
}

// suits checks that the server can be herded so.
func (r *reader) suits(row dialect.Row) {
	c := r.c
	if !row.Can(c.Kind) {
		r.wrong(r.at("kind"), "%s cannot be of kind %s: it does not start its successor when it is asked to; fresh does the same from outside", row.Name, c.Kind)
	}
	r.suitsReady()
	if c.Rolling && c.Kind != dialect.Pool {
		r.wrong(r.at("rolling"), "rolling needs kind pool, and this is %s: %s has its workers for itself", c.Kind, row.Name)
	}
	// Unicorn does not leave when it is given its sockets in the way for that.
	word := row.Daemonises(c.Command)
	if stays := row.DaemonMeans != 0 && len(c.Bind) > 0; word == "" || stays || c.Kind == dialect.Reexec {
		return
	}
	who := map[dialect.Kind]string{dialect.Pool: "worker", dialect.Fresh: "fresh master"}[c.Kind]
	r.wrong(r.at("command"), "drop %s: a %s stays in the foreground", strings.TrimSuffix(word, ";"), who)
}

// at is a key as it was written.
func (r *reader) at(key string) node {
	if n, ok := r.given[key]; ok {
		return n
	}
	return node{path: key}
}

// suitsReady refuses ways of being ready that a server with a master of its own
// cannot be asked by.
func (r *reader) suitsReady() {
	c := r.c
	switch k := c.Ready.Kind; {
	case c.Kind == dialect.Pool:
	case k == ready.KindExec, k == ready.KindFD:
		r.wrong(r.at("ready"), "ready = %s needs kind pool, and this is %s: armed and delay:TIME are for all kinds", k, c.Kind)
	case c.Kind == dialect.Reexec && k == ready.KindNotify:
		r.wrong(r.at("ready"), "ready = notify cannot be told of a successor that the server starts by itself: it has the NOTIFY_SOCKET of the first; armed sees it from outside")
	case c.Kind == dialect.Reexec && (k == ready.KindHTTP || k == ready.KindTCP):
		r.wrong(r.at("ready"), "ready = %s needs a listener of herder's, and this server binds by itself: bind gives it one", k)
	}
}
