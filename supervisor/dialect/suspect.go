package dialect

import (
	"path"
	"slices"
	"strings"
)

// Suspect is the name of a server that a command line seems to start, although it is
// not known how; "" when there is none, or when it would be herded as a [command] is.
//
// Only words count that stand where a program could: no values of flags, no folders,
// and not what a program is given that starts no other one.
func Suspect(argv []string) string {
	t := look(argv)
	if t.row != nil || len(t.words) == 0 {
		return ""
	}
	name := program(t.words[0])
	switch {
	case interpreters[version(name)] != nil: // its text is not for a shell
		return ""
	case slices.Contains(shells, name) || name == "runuser":
		if text, ok := inlineText(t.words[1:], name); ok {
			return suspectText(text)
		}
		if len(t.words) > 1 && !strings.HasPrefix(t.words[1], "-") { // a script, with words of its own
			return suspectWords(t.words[1:])
		}
	}
	return suspectWords(t.words)
}

// maxSuspect bounds how many words are looked at: no run script has more.
const maxSuspect = 200

// suspectWords looks behind a program that is not known.
func suspectWords(words []string) string {
	if slices.Contains(harmless, program(words[0])) {
		return ""
	}
	for i := 1; i < min(len(words), maxSuspect); i++ {
		before, w := words[i-1], words[i]
		flag := strings.HasPrefix(before, "-") && before != "--" && !strings.Contains(before, "=")
		switch {
		case strings.ContainsAny(w, " \n") && (!flag || strings.HasSuffix(before, "c") || before == "--command"):
			if name := suspectText(w); name != "" {
				return name
			}
		case !flag && inBin(w):
			if name := worth(look(words[i:]).row); name != "" {
				return name
			}
		}
	}
	return ""
}

// suspectText looks at each command of a text for a shell that may be the server: what
// stands before an exec has ended by then.
func suspectText(text string) string {
	cs := commandsOf(text)
	for i := len(cs) - 1; i >= 0; i-- {
		words := cs[i].program()
		if len(words) == 0 || cs[i].and && !cs[i].execs() {
			continue
		}
		name := worth(look(words).row)
		if name == "" {
			name = suspectWords(words)
		}
		if name != "" || cs[i].execs() && !cs[i].forked {
			return name
		}
	}
	return ""
}

// harmless are programs that stand in many a text, and which start nothing.
var harmless = strings.Fields(`
	echo printf cat cd ls test [ : true export set unset trap read exit wait sleep kill pkill killall pgrep pidof
	mkdir rmdir rm cp mv ln touch chown chgrp chmod install id which type hash alias source . grep sed awk tail head
	service systemctl sv rc-service initctl apt apt-get dpkg yum dnf apk pip gem npm yarn git curl wget`)

// inBin says whether a path can be that of a program: people call folders, users and
// files of configuration by a server's name as well.
func inBin(word string) bool {
	folder := path.Base(path.Dir(word))
	return !strings.Contains(word, "/") || slices.Contains([]string{"bin", "sbin", "shims", "exe"}, folder)
}

// worth is the name of a server that is not herded just as a [command] is.
func worth(r *Row) string {
	if r == nil || r.Kind == command.Kind && r.Says == command.Says && r.Means == command.Means && len(r.Many) == 0 {
		return ""
	}
	return r.Name
}
