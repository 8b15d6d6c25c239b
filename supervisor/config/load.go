package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
)

// A Flag of the command line stands for a key of the file.
type Flag struct {
	Name  string // as the user wrote it, "--workers"
	Key   string // "workers", "log.format"; env and bind may come again and again
	Value string // env: NAME=value
}

// Flags are what the command line says. They win over the file, key by key;
// those for env win variable by variable.
type Flags struct {
	Values  []Flag
	Command []string // everything after --; nil: none
}

// Load reads file, unless it is "", then the flags, and checks everything. The
// error is [Mistakes]. It touches nothing and starts nothing: whether the
// command is there and the directory can be entered is seen by [Config.Look].
func Load(file string, flags Flags) (*Config, error) {
	r := read(file, flags)
	r.finish()
	if len(r.mistakes) > 0 {
		return nil, r.mistakes.sorted()
	}
	r.c.doc = r.doc
	r.c.Warnings = append(r.c.Warnings, r.c.distrust()...)
	return r.c, nil
}

// Socket is the control socket of the herder that was started with this file
// and these flags. Mistakes in the file do not matter as long as it can be
// read: the herder to be asked may run on what it said before.
func Socket(file string, flags Flags) (string, error) {
	r := read(file, flags)
	r.finish()
	for _, m := range r.mistakes {
		if r.broken || m.Flag != "" {
			return "", m
		}
	}
	return filepath.Join(r.c.RuntimeDir, "control.sock"), nil
}

func read(file string, flags Flags) *reader {
	r := newReader()
	if file != "" {
		r.file(file)
	}
	r.flags(flags)
	return r
}

func (r *reader) file(file string) {
	r.doc.file = file
	abs, err := filepath.Abs(file)
	var text []byte
	if err == nil {
		r.c.File = abs
		text, err = readFile(file)
	}
	if err != nil {
		r.broken = true
		r.mistakes = append(r.mistakes, Mistake{File: file, What: "cannot read it: " + err.Error()})
		return
	}
	r.parse(file, text)
}

func (r *reader) parse(file string, text []byte) {
	doc, tree, err := parse(file, text)
	r.doc = doc
	if m, bad := errors.AsType[Mistake](err); bad {
		r.broken = true
		r.mistakes = append(r.mistakes, m)
		return
	}
	r.table("", "", tree)
}

// flags reads them as if they were a file: a key that is given several times
// is a list, env a table.
func (r *reader) flags(flags Flags) {
	values := map[string]node{}
	for _, f := range flags.Values {
		n := node{name: f.Name, path: f.Key, flag: true, v: f.Value}
		before, again := values[f.Key]
		switch {
		case f.Key == "env":
			name, value, ok := strings.Cut(f.Value, "=")
			if !ok {
				r.wrong(n, "%q is not NAME=value", f.Value)
				continue
			}
			entries := map[string]any{name: value}
			if again {
				maps.Copy(before.v.(map[string]any), entries)
				continue
			}
			n.v = entries
		case f.Key == "bind" && again:
			n.v = append(before.v.([]any), f.Value)
		case f.Key == "bind":
			n.v = []any{f.Value}
		}
		values[f.Key] = n
	}
	if flags.Command != nil {
		words := make([]any, len(flags.Command))
		for i, w := range flags.Command {
			words[i] = w
		}
		values["command"] = node{name: "--", flag: true, v: words}
	}
	for _, k := range keys() {
		if n, ok := values[k.name]; ok {
			r.take(k, n)
		}
	}
}

// finish fills in what follows from the rest, and checks what is missing.
func (r *reader) finish() {
	c := r.c
	if !r.commanded && !r.broken {
		r.mistakes = append(r.mistakes, Mistake{File: r.doc.file, What: "there is no command: " + howCommand(r.doc.file)})
	}
	given := c.Directory
	if dir, err := filepath.Abs(c.Directory); err == nil {
		c.Directory = dir
	} else {
		r.mistakes = append(r.mistakes, Mistake{What: "cannot tell the working directory: " + err.Error()})
	}
	if c.Name == "" {
		c.Name = defaultName(c, given)
	}
	for _, path := range []*string{&c.Pidfile, &c.HerderPidfile, &c.RuntimeDir, &c.LogFile} {
		*path = c.below(*path)
	}
	for i := range c.Bind {
		if b := &c.Bind[i]; (b.Network == handoff.Unix || b.Network == handoff.Unixgram) && !strings.HasPrefix(b.Address, "@") {
			b.Address = c.below(b.Address)
		}
	}
	if c.RuntimeDir == "" {
		c.RuntimeDir = filepath.Join(RuntimeBase(), c.Name)
	}
	r.speak()
	r.together()
}

func howCommand(file string) string {
	if file == "" {
		return "give one after --, or a file with -c"
	}
	return `write command = ["…"], or give one after --`
}

// together checks what must fit together.
func (r *reader) together() {
	c := r.c
	same := func(a, b, keyA, keyB string) {
		if a != "" && a == b {
			r.wrong(node{path: keyB}, "%s and %s are the same file", keyA, keyB)
		}
	}
	same(c.Pidfile, c.HerderPidfile, "pidfile", "herder_pidfile")
	same(c.Pidfile, c.LogFile, "pidfile", "log\x00file")
	for _, b := range c.Bind {
		n := b.Options.ReusePort
		if n > 1 && c.Kind != dialect.Pool {
			r.wrong(node{path: "bind"}, "reuseport=%d of %s needs kind pool, and this is %s: a server with a master of its own gets one socket of each listener", n, b, c.Kind)
		} else if n > max(c.Workers, 1) {
			r.wrong(node{path: "bind"}, "reuseport=%d of %s needs as many workers, and workers is %d: nobody would answer on the others of its sockets", n, b, c.Workers)
		}
	}
}

// below makes a path absolute, from the directory on.
func (c *Config) below(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Directory, path)
}

const maxName = 64

// fileName leaves of s what can be the name of a folder, whatever shell or
// tool reads it.
func fileName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-@", c) {
			return c
		}
		return '-'
	}, s)
	s = strings.TrimLeft(s, ".-")
	return s[:min(len(s), maxName)]
}

// defaultName is the file's (shop.toml: shop) unless the file is named for what
// it is, else the directory's if one was given (of /srv/shop/current: shop),
// else the command's.
func defaultName(c *Config, directory string) string {
	var names []string
	if base := strings.TrimSuffix(filepath.Base(c.File), ".toml"); c.File != "" && base != "herder" && base != "config" {
		names = append(names, base)
	}
	if directory != "" || c.File != "" {
		dir := c.Directory
		if filepath.Base(dir) == "current" {
			dir = filepath.Dir(dir)
		}
		names = append(names, filepath.Base(dir))
	}
	if len(c.Command) > 0 {
		names = append(names, filepath.Base(c.Command[0]))
	}
	for _, name := range names {
		if name = fileName(name); name != "" {
			return name
		}
	}
	return "app"
}

// RuntimeBase is the folder that has the runtime directories of all herders of
// this user: /run/herder as root, else $XDG_RUNTIME_DIR/herder, else (for a
// service without a login session) herder-UID in the folder for temporary files.
func RuntimeBase() string {
	if os.Geteuid() == 0 {
		return "/run/herder"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "herder")
	}
	return filepath.Join(os.TempDir(), "herder-"+uid())
}
