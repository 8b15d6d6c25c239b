package dialect

import (
	"path"
	"slices"
	"strings"
)

// unknown is why a command line is taken for a plain command.
const unknown = "no server is known by that command line"

// maxWrapped bounds how many wrappers are looked through: no run script has more.
const maxWrapped = 20

// Recognise says which server a command line starts, and why. One it does not
// know is a [command].
func Recognise(argv []string) (Row, string) {
	t := look(argv)
	if t.row == nil {
		return command, unknown
	}
	return *t.row, `the command is "` + strings.Join(t.way, " ") + `"`
}

// Doubts are sentences about what stands in front of a server in its command
// line, and parts it from herder.
func Doubts(argv []string) []string { return look(argv).doubts }

// trail is what is left of a command line while it is looked through.
type trail struct {
	words  []string // from here on it is not looked through yet
	way    []string // what was passed, in short
	doubts []string
	shell  bool // words are not those of argv: a shell takes them out of a text
	row    *Row
}

func look(argv []string) trail {
	t := trail{words: argv}
	for range maxWrapped {
		if len(t.words) == 0 {
			break
		}
		name := program(t.words[0])
		if r := byProgram(name); r != nil {
			t.found(r, name)
			break
		}
		if step := through(name); step == nil || !step(&t, name) {
			break
		}
	}
	return t
}

// found takes the first word for the program of a server.
func (t *trail) found(r *Row, name string) {
	t.row, t.way, t.words = r, append(t.way, name), t.words[1:]
}

// pass takes n words as a wrapper, called so.
func (t *trail) pass(n int, called ...string) bool {
	if n > len(t.words) {
		return false
	}
	t.way, t.words = append(t.way, called...), t.words[n:]
	return true
}

// through is how to look through a program that runs another; nil: it is none.
func through(name string) func(*trail, string) bool {
	switch {
	case slices.Contains(shells, name):
		return (*trail).shellText
	case launchers[version(name)] != nil:
		return (*trail).launcher
	case interpreters[version(name)] != nil:
		return (*trail).interpreter
	case name == "env":
		return (*trail).splitString
	case name == "runuser":
		return (*trail).runuser
	case wrapperOf(name) != nil:
		return (*trail).wrapper
	}
	return nil
}

// program is a word as the name of a program.
func program(word string) string {
	if word == "" || strings.HasSuffix(word, "/") {
		return ""
	}
	return path.Base(word)
}

// version takes the version off a name: php-fpm8.2, python3.11, node20.
func version(name string) string {
	short := strings.TrimRight(name, "0123456789.")
	return strings.TrimSuffix(short, "-")
}

func byProgram(name string) *Row {
	for _, n := range []string{name, version(name)} {
		for i := range rows {
			if slices.Contains(rows[i].Programs, n) {
				return &rows[i]
			}
		}
	}
	return nil
}

func byModule(name string) *Row {
	for i := range rows {
		if slices.Contains(rows[i].Modules, name) {
			return &rows[i]
		}
	}
	return nil
}

// rest is what a command line says to a server: the words behind its name.
func (r Row) rest(argv []string) []string {
	if t := look(argv); t.row != nil && t.row.Name == r.Name {
		return t.words
	}
	return argv[min(1, len(argv)):]
}

// Daemonises is the word by which a command line makes its server leave the
// foreground; "" when there is none.
func (r Row) Daemonises(argv []string) string {
	for _, w := range r.rest(argv) {
		for _, d := range r.Daemon {
			long := strings.HasPrefix(d, "--") && strings.HasPrefix(w, d+"=")
			inner := strings.Contains(d, " ") && strings.Contains(w, d) // nginx -g 'daemon on;'
			if w == d || long || inner {
				return d
			}
		}
	}
	return ""
}

// Complete is a command line with the words that the row adds to it. What could
// not be added, because it would go to a shell, is missing.
func (r Row) Complete(argv []string, kind Kind) (whole, missing []string) {
	rest := r.rest(argv)
	var more []string
	for _, arg := range r.Args {
		if !slices.Contains(rest, arg) {
			more = append(more, arg)
		}
	}
	if kind == Fresh {
		more = append(more, r.Beside...)
	}
	if look(argv).shell {
		return slices.Clone(argv), more
	}
	return slices.Concat(argv, more), nil
}

// KindFor is how a server is herded with this command line; alone: without
// listeners of ours.
func (r Row) KindFor(argv []string, alone bool) Kind {
	rest := r.rest(argv)
	for i, w := range rest {
		name, value, joined := strings.Cut(w, "=")
		if !slices.Contains(r.Many, name) {
			continue
		}
		if !joined && i+1 < len(rest) {
			value = rest[i+1]
		}
		if value != "1" {
			return Fresh
		}
	}
	if alone {
		return r.Alone
	}
	return r.Kind
}

// Can says whether a server can be herded so.
func (r Row) Can(k Kind) bool { return k != Reexec || r.Says[Renew] != "" }
