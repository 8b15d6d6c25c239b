package dialect

import (
	"slices"
	"strings"
)

// wrapper is a program that runs another one, which stands behind its own flags.
type wrapper struct {
	word  string // that must come first, as exec of `bundle exec`
	takes string // flags that take the next word, with blanks around each; "-x" and "--long"
	args  int    // words of its own before the command: setuidgid ACCOUNT, timeout TIME
	env   bool   // K=V may stand before the command
	apart string // how it parts the command from herder; "": it becomes the command (execve)
}

// How a wrapper parts a server from herder, tried on Debian 12.
const (
	newPID = "runs the server as a child of its own: LISTEN_PID is not the server's pid then, and signals reach the wrapper alone"
	noFDs  = newPID + "; nor are the sockets passed on"
)

// wrappers, by name. Those that become the command keep its pid and its sockets.
var wrappers = map[string]*wrapper{
	"exec":           {takes: " -a "},
	"command":        {},
	"nohup":          {},
	"env":            {takes: " -u --unset -C --chdir ", env: true},
	"nice":           {takes: " -n --adjustment "},
	"ionice":         {takes: " -c -n --class --classdata "},
	"chrt":           {takes: " -T -P -D ", args: 1},
	"taskset":        {takes: "", args: 1},
	"stdbuf":         {takes: " -i -o -e --input --output --error "},
	"setpriv":        {takes: setprivTakes},
	"chpst":          {takes: " -u -U -b -e -/ -C -n -l -L -m -d -o -p -f -c -r -t "},
	"softlimit":      {takes: " -m -d -o -p -f -c -r -t -a -s -l "},
	"setuidgid":      {args: 1},
	"s6-setuidgid":   {args: 1},
	"envuidgid":      {args: 1},
	"envdir":         {args: 1},
	"s6-envdir":      {args: 1},
	"gosu":           {args: 1},
	"su-exec":        {args: 1},
	"pgrphack":       {},
	"chroot":         {takes: " --userspec --groups ", args: 1},
	"bundle":         {word: "exec", takes: " --gemfile "},
	"bundler":        {word: "exec", takes: " --gemfile "},
	"rbenv":          {word: "exec"},
	"pyenv":          {word: "exec"},
	"nodenv":         {word: "exec"},
	"asdf":           {word: "exec"},
	"carton":         {word: "exec"},
	"poetry":         {word: "run"}, // execvpe (poetry 1.3, utils/env.py)
	"pipenv":         {word: "run"}, // execve (pipenv 2022.12, core.py)
	"ddtrace-run":    {},
	"newrelic-admin": {word: "run-program"},

	"setsid":    {apart: newPID},
	"timeout":   {takes: " -k --kill-after -s --signal ", args: 1, apart: newPID},
	"tini":      {takes: " -p -e ", apart: newPID},
	"dumb-init": {takes: " -r --rewrite ", apart: newPID},
	"runuser":   {takes: " -u --user -g --group -G --supp-group -w --whitelist-environment ", apart: newPID},
	"uv":        {word: "run", takes: " --with --env-file -p --python ", apart: newPID}, // its crates/uv/src/child.rs
	"sudo":      {takes: " -u --user -g --group -h -p -C -D -R -T -U ", env: true, apart: noFDs},
	"npx":       {takes: " -p --package ", apart: noFDs},
	"npm":       {word: "exec", takes: " -p --package ", apart: noFDs}, // also npm start
}

// setprivTakes are those of setpriv(1) that are written without = as well.
const setprivTakes = " --reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile "

// wrapper passes a program of the table.
func (t *trail) wrapper(name string) bool {
	w, rest, called := wrappers[name], t.words[1:], name
	if w.word != "" {
		rest = w.flags(rest)
		if len(rest) == 0 || rest[0] != w.word {
			t.doubt(w, name) // npm start
			return false
		}
		rest, called = rest[1:], name+" "+w.word
	}
	rest = w.flags(rest)
	for w.env && len(rest) > 0 && assigns(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) <= w.args {
		return false
	}
	rest = rest[w.args:]
	if rest[0] == "--" {
		rest = rest[1:]
	}
	t.doubt(w, called)
	return t.pass(len(t.words)-len(rest), called)
}

func (t *trail) doubt(w *wrapper, called string) {
	if w.apart != "" {
		t.doubts = append(t.doubts, called+" "+w.apart)
	}
}

// flags leaves off the flags that words begin with.
func (w *wrapper) flags(words []string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		flag := words[0]
		words = words[1:]
		if flag == "--" {
			return words
		}
		if len(words) > 0 && strings.Contains(w.takes, " "+flag+" ") {
			words = words[1:]
		}
	}
	return words
}

// assigns says whether a word is NAME=value.
func assigns(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/- ")
}

// interpreter is a program that runs a file, or a module.
type interpreter struct {
	takes  string // flags that take the next word
	module string // flag of a module
	inline string // flags of a text to run; there is no file then
}

var interpreters = map[string]*interpreter{
	"python": {takes: " -W -X -Q ", module: "-m", inline: " -c "},
	"pypy":   {takes: " -W -X ", module: "-m", inline: " -c "},
	"ruby":   {takes: " -I -r -C -E ", inline: " -e "},
	"perl":   {takes: " -I ", inline: " -e -E "},
}

// interpreter passes to the file or the module that is run.
func (t *trail) interpreter(name string) bool {
	in := interpreters[version(name)]
	for i := 1; i < len(t.words); i++ {
		w := t.words[i]
		module := in.module != "" && strings.HasPrefix(w, in.module)
		switch {
		case strings.Contains(in.inline, " "+w+" "):
			return false
		case module:
			return t.module(i, strings.TrimPrefix(w, in.module), name)
		case strings.Contains(in.takes, " "+w+" "):
			i++
		case !strings.HasPrefix(w, "-"):
			return t.pass(i, name)
		}
	}
	return false
}

// module is what stands behind -m, or at it: python -mgunicorn.
func (t *trail) module(at int, module, name string) bool {
	if module == "" {
		at++
		if at >= len(t.words) {
			return false
		}
		module = t.words[at]
	}
	r := byModule(module)
	if r == nil || !t.pass(at, name) {
		return false
	}
	t.found(r, "-m "+module)
	return true
}

// shells are those whose -c is understood.
var shells = []string{"sh", "dash", "bash", "ash", "ksh", "zsh", "su"}

// becomes are the shells that become a command which is all of their text.
var becomes = []string{"bash", "zsh", "ksh"}

// shellText passes to the command that a text for a shell ends in.
func (t *trail) shellText(name string) bool {
	text, ok := inlineText(t.words[1:], name == "su")
	if !ok {
		return false
	}
	cs := commandsOf(text)
	for i := len(cs) - 1; i >= 0; i-- {
		words := cs[i]
		for len(words) > 0 && assigns(words[0]) {
			words = words[1:]
		}
		if look(words).row == nil {
			continue
		}
		if name == "su" || words[0] != "exec" && (len(cs) > 1 || !slices.Contains(becomes, name)) {
			t.doubts = append(t.doubts, name+" -c "+newPID+howExec(name))
		}
		t.way, t.words, t.shell = append(t.way, name+" -c"), words, true
		return true
	}
	return false
}

func howExec(name string) string {
	if name == "su" {
		return "; use chpst or setpriv"
	}
	return "; write exec before the server"
}

// inlineText is what stands behind -c, or behind flags with a c in them (-lc).
// To su the user's name may stand before it; to a shell a word there is a file.
func inlineText(words []string, su bool) (string, bool) {
	for i, w := range words {
		short := len(w) > 1 && w[0] == '-' && w[1] != '-'
		switch {
		case short && w[len(w)-1] == 'c' || w == "--command":
			if i+1 < len(words) {
				return words[i+1], true
			}
			return "", false
		case !su && !strings.HasPrefix(w, "-"):
			return "", false
		}
	}
	return "", false
}
