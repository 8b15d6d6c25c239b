package dialect

import (
	"slices"
	"strings"
)

// wrapper is a program that runs another one, which stands behind its own flags.
type wrapper struct {
	word   string // that must come first, as exec of `bundle exec`; several ones with blanks between
	takes  string // flags that take the next word, with blanks around each; "-x" and "--long"
	args   int    // words of its own before the command: setuidgid ACCOUNT, timeout TIME
	dashes bool   // the command stands behind --
	env    bool   // K=V may stand before the command
	apart  string // how it parts the command from herder; "": it becomes the command (execve)
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
	"env":            {takes: " -u --unset -C --chdir -a --argv0 ", env: true},
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
	"busybox":        {},
	"prlimit":        {takes: " -o --output "},
	"numactl":        {takes: " -i --interleave -p --preferred -P --preferred-many -c --cpubind -N --cpunodebind -C --physcpubind -m --membind "},
	"rvm-exec":       {args: 1}, // its bin/rvm-exec: any first word that is no file is the name of a Ruby
	"mise":           {word: "exec x", dashes: true},
	"direnv":         {word: "exec", args: 1},
	"dotenv":         {takes: " -f "}, // exec (dotenv for Ruby, cli.rb)

	"setsid":      {apart: newPID},
	"timeout":     {takes: " -k --kill-after -s --signal ", args: 1, apart: newPID},
	"tini":        {takes: " -p -e ", apart: newPID},
	"docker-init": {takes: " -p -e ", apart: newPID}, // tini
	"catatonit":   {apart: newPID},
	"chruby-exec": {dashes: true, apart: newPID}, // $SHELL -c "chruby RUBY && COMMAND"
	"dumb-init":   {takes: " -r --rewrite ", apart: newPID},
	"runuser":     {takes: " -u --user -g --group -G --supp-group -w --whitelist-environment ", apart: newPID},
	"uv":          {word: "run", takes: " --with --env-file -p --python ", apart: newPID}, // its crates/uv/src/child.rs
	"sudo":        {takes: " -u --user -g --group -h --host -p --prompt -C -D --chdir -R --chroot -T -U ", env: true, apart: noFDs},
	"doas":        {takes: " -u -C -a ", apart: noFDs}, // closefrom(3) in its main; with PAM it forks as well
	"npx":         {takes: " -p --package ", apart: noFDs},
	"npm":         {word: "exec", takes: " -p --package ", apart: noFDs}, // also npm start
}

// setprivTakes are those of setpriv(1) that are written without = as well.
const setprivTakes = " --reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile "

// wrapperOf is the row of a program, also of one with its version: bundle3.1.
func wrapperOf(name string) *wrapper {
	if w := wrappers[name]; w != nil {
		return w
	}
	return wrappers[version(name)]
}

// wrapper passes a program of the table.
func (t *trail) wrapper(name string) bool {
	w, rest, called := wrapperOf(name), t.words[1:], name
	if w.word != "" {
		rest = w.flags(skipVersion(rest))
		if len(rest) == 0 || !slices.Contains(strings.Fields(w.word), rest[0]) {
			t.doubt(w, name) // npm start
			return false
		}
		rest, called = rest[1:], name+" "+rest[0]
	}
	if rest = w.own(rest); len(rest) == 0 {
		return false
	}
	t.doubt(w, called)
	return t.pass(len(t.words)-len(rest), called)
}

// own leaves off what is the wrapper's own: nothing is left where there is no command.
func (w *wrapper) own(rest []string) []string {
	if w.dashes {
		if i := slices.Index(rest, "--"); i >= 0 {
			return rest[i+1:]
		}
		return nil
	}
	rest = w.flags(rest)
	for w.env && len(rest) > 0 && assigns(rest[0]) {
		rest = rest[1:]
	}
	rest = rest[min(len(rest), w.args):]
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	return rest
}

// skipVersion leaves off the version that what RubyGems installs takes as its first
// word: bundle _2.1_ exec.
func skipVersion(words []string) []string {
	if len(words) > 0 && len(words[0]) > 2 && words[0][0] == '_' && strings.HasSuffix(words[0], "_") {
		return words[1:]
	}
	return words
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
		if len(words) > 0 && takesNext(flag, w.takes) {
			words = words[1:]
		}
	}
	return words
}

// takesNext says whether the value of a flag is the next word. Short flags may be
// joined: the first that takes a value takes what is left of the word, if there is any.
func takesNext(flag, takes string) bool {
	if strings.Contains(takes, " "+flag+" ") {
		return true
	}
	if len(flag) < 3 || flag[1] == '-' {
		return false
	}
	for i := 1; i < len(flag); i++ {
		if strings.Contains(takes, " -"+flag[i:i+1]+" ") {
			return i == len(flag)-1
		}
	}
	return false
}

// splitString puts the words of the text of env -S in its place.
func (t *trail) splitString(name string) bool {
	for i := 1; i < len(t.words) && strings.HasPrefix(t.words[i], "-"); i++ {
		text, rest := "", t.words[i+1:]
		switch w := t.words[i]; {
		case (w == "-S" || w == "-vS" || w == "--split-string") && len(rest) > 0:
			text, rest = rest[0], rest[1:]
		case strings.HasPrefix(w, "--split-string="):
			text = strings.TrimPrefix(w, "--split-string=")
		case strings.HasPrefix(w, "-S"):
			text = strings.TrimPrefix(w, "-S")
		default:
			if takesNext(w, wrappers[name].takes) {
				i++
			}
			continue
		}
		cs := commandsOf(text)
		if len(cs) != 1 {
			return false
		}
		t.words = slices.Concat(t.words[:i], cs[0].words, rest)
		return true
	}
	return t.wrapper(name)
}

// assigns says whether a word is NAME=value.
func assigns(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/- ")
}
