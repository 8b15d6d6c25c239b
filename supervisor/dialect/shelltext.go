package dialect

import (
	"slices"
	"strings"
)

// shells are those whose -c is understood.
var shells = []string{"sh", "dash", "bash", "ash", "ksh", "zsh", "su"}

// becomes are the shells that become a command which is all of their text.
var becomes = []string{"bash", "zsh", "ksh"}

// shellText passes to the command that a text for a shell ends in.
func (t *trail) shellText(name string) bool {
	text, ok := inlineText(t.words[1:], name)
	if !ok {
		return false
	}
	cs := commandsOf(text)
	i := serverOf(cs)
	if i < 0 {
		return false
	}
	c, words := cs[i], cs[i].program()
	switch user := switches(name); {
	case user:
		t.doubts = append(t.doubts, name+" -c "+newPID+"; use chpst or setpriv")
	case c.forked:
		t.doubts = append(t.doubts, name+" -c "+newPID+"; write exec before the server, and take the | or & away")
	case words[0] != "exec" && (len(cs) > 1 || !slices.Contains(becomes, name)):
		t.doubts = append(t.doubts, name+" -c "+newPID+"; write exec before the server")
	}
	t.way, t.words, t.shell = append(t.way, name+" -c"), words, true
	return true
}

// serverOf is which command of a text is a server, the last one that is; -1: none.
// Nothing comes behind an exec, and what must end before the next command runs is no
// server: nginx -t && exec nginx.
func serverOf(cs []simple) int {
	for i := len(cs) - 1; i >= 0; i-- {
		last := cs[i].execs() && !cs[i].forked
		switch known := look(cs[i].program()).row != nil; {
		case known && (last || !cs[i].and):
			return i
		case last:
			return -1
		}
	}
	return -1
}

// switches says whether a program is one that becomes another user, and has a shell
// of that run a text.
func switches(name string) bool { return name == "su" || name == "runuser" }

// runuser runs a command as it is with -u, else as su does.
func (t *trail) runuser(name string) bool {
	if slices.ContainsFunc(t.words[1:], func(w string) bool { return strings.HasPrefix(w, "-u") || strings.HasPrefix(w, "--user") }) {
		return t.wrapper(name)
	}
	return t.shellText(name)
}

// Flags of shells and of su that take the next word, beside -c.
const (
	shellTakes = " -o +o -O +O --rcfile --init-file "
	suTakes    = " -g --group -G --supp-group -s --shell -w --whitelist-environment "
)

// inlineText is the text that a shell is to run. To su it stands right behind -c, and
// the user's name may stand before it; to a shell it is the first word that is no
// flag, where a -c is among those (-lc, -c -e). Else that word is a file.
func inlineText(words []string, name string) (string, bool) {
	su, told := switches(name), false
	for i := 0; i < len(words); i++ {
		w := words[i]
		short := len(w) > 1 && w[0] == '-' && w[1] != '-'
		if su && (short && strings.HasSuffix(w, "c") || w == "--command" || w == "--session-command") || !su && w == "--" {
			return at(words, i+1, su || told)
		}
		if text, ok := strings.CutPrefix(w, "--command="); su && ok {
			return text, true
		}
		if !su && !strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "+") {
			return w, told
		}
		told = told || short && strings.Contains(w, "c")
		if takesNext(w, map[bool]string{true: suTakes, false: shellTakes}[su]) {
			i++
		}
	}
	return "", false
}

// at is a word, if it is there and to be read.
func at(words []string, i int, told bool) (string, bool) {
	if !told || i >= len(words) {
		return "", false
	}
	return words[i], true
}
