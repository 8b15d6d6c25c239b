package dialect

import "strings"

// launchers start a server by the name they give it, which stands behind -s.
var launchers = map[string]map[string]*Row{
	"plackup": {"Starlet": &starlet, "Starman": &starman},
	"rackup":  {"puma": &rackPuma, "Puma": &rackPuma},
	"rails":   {"": &puma, "puma": &puma, "Puma": &puma}, // since 5 puma, if nothing else is said
}

// rackPuma is puma where the flags are those of rack: -d is to debug there.
var rackPuma = func() Row {
	r := puma
	r.Daemon = []string{"-D", "--daemonize"}
	return r
}()

// railsAlone is why a server that Rails starts cannot have another beside it (rack,
// server.rb: "A server is already running").
const railsAlone = "rails server refuses to start beside another one, by its own pid file (tmp/pids/server.pid), so every upgrade would fail: have puma started itself (bundle exec puma)"

// launcher is a server only by the flag that names it.
func (t *trail) launcher(name string) bool {
	rails := version(name) == "rails"
	words, flags := t.words[1:], []string{"-s", "--server"}
	if rails {
		if len(words) == 0 || words[0] != "server" && words[0] != "s" {
			return false
		}
		flags = []string{"-u", "--using"}
	}
	server, flag := valueOf(words, flags[0], flags[1])
	if rails && len(words) > 1 && !strings.HasPrefix(words[1], "-") {
		server = words[1] // rails server thin
	}
	row := launchers[version(name)][server]
	if row == nil {
		return false
	}
	called := name + " " + flag + " " + server
	if rails {
		called = name + " " + words[0]
		t.doubts = append(t.doubts, railsAlone)
	}
	t.found(row, called)
	return true
}

// valueOf is the first value of a flag that can be written in four ways, and the flag
// as it is.
func valueOf(words []string, short, long string) (value, flag string) {
	for i, w := range words {
		switch {
		case w == short || w == long:
			if i+1 < len(words) {
				return words[i+1], w
			}
		case strings.HasPrefix(w, long+"="):
			return strings.TrimPrefix(w, long+"="), long
		case strings.HasPrefix(w, short):
			return strings.TrimPrefix(strings.TrimPrefix(w, short), "="), short
		}
	}
	return "", ""
}
