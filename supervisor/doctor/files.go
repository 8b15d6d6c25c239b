package doctor

import (
	"fmt"
	"strings"
)

// path: does a unix path still lead to our socket?

func lookPath(h *Herd) []Finding {
	return h.of(func(l Listener) *Finding {
		if !l.Path || l.File != nil && !l.NoPublic {
			return nil
		}
		what := "is gone"
		if l.File != nil {
			what = "is not the socket of herder any more"
		}
		f := wrong("see who did it and what the log of herder says (ls -li "+l.Address+"); herder status takes the path again when it is free",
			"its path %s, and herder could not put it back: clients do not come to the workers", what)
		return &f
	})
}

func finePath(h *Herd) string {
	var words []string
	for _, l := range h.Listeners {
		if l.Path {
			words = append(words, l.Address)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "leads to the socket of herder: " + strings.Join(words, ", ")
}

// access: can those connect who are meant to? Connecting takes the right to write
// to the socket and to search every folder above it (unix(7), path_resolution(7)).
// Access control lists are not looked at.

const (
	othersWrite, othersSearch = 0o002, 0o001
	groupWrite, groupSearch   = 0o020, 0o010
	sticky                    = 0o1000
)

func lookAccess(h *Herd) []Finding {
	return h.of(func(l Listener) *Finding {
		if l.File == nil {
			return nil
		}
		return l.File.judge()
	})
}

func (s *File) judge() *Finding {
	var f Finding
	for _, d := range s.Folders {
		if d.Mode&othersWrite != 0 && d.Mode&sticky == 0 {
			f = wrong("chmod o-w "+d.Path, "anybody may put another socket in its place: folder %s has mode %04o", d.Path, d.Mode)
			return &f
		}
	}
	switch {
	case s.Mode&(othersWrite|groupWrite) == 0 && s.UID == 0:
		f = warn("if a proxy is to connect as another user: bind = \"unix:PATH,mode=0660,group=GROUP\", with a group of its",
			"only root may connect (mode %04o, owner 0)", s.Mode)
		return &f
	case s.Mode&(othersWrite|groupWrite) == 0:
		return nil
	}
	for _, d := range s.Folders {
		through := d.Mode&othersSearch != 0 || s.Mode&othersWrite == 0 && d.GID == s.GID && d.Mode&groupSearch != 0
		if !through {
			f = warn("chmod o+x "+d.Path+", or a path in another folder",
				"%s may connect (mode %04o), but folder %s (mode %04o, group %d) does not let them through", s.who(), s.Mode, d.Path, d.Mode, d.GID)
			return &f
		}
	}
	return nil
}

// who may write to the socket, beside its owner.
func (s *File) who() string {
	if s.Mode&othersWrite != 0 {
		return "all"
	}
	return fmt.Sprintf("group %d", s.GID)
}

func fineAccess(h *Herd) string {
	for _, l := range h.Listeners {
		if l.File != nil {
			return "the folders of unix sockets let those through who may connect"
		}
	}
	return ""
}

// pidfile: do the pid files say what is true?

func lookPidfile(h *Herd) []Finding {
	var found []Finding
	for _, p := range h.Pidfiles {
		const do = "see the log of herder, and who else writes that file"
		switch {
		case p.Trouble != "":
			found = append(found, wrong(do, "%s should say %d, %s: %s", p.Path, p.Want, p.Whose, p.Trouble))
		case p.Says != p.Want:
			found = append(found, wrong(do, "%s says %d, but %s is %d", p.Path, p.Says, p.Whose, p.Want))
		}
	}
	return found
}

func finePidfile(h *Herd) string {
	var words []string
	for _, p := range h.Pidfiles {
		words = append(words, fmt.Sprintf("%s says %d, %s", p.Path, p.Says, p.Whose))
	}
	return strings.Join(words, "; ")
}
