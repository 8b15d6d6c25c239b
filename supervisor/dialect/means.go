package dialect

import (
	"strconv"
	"strings"

	"github.com/herderd/herder/handoff"
)

// teller is how one of the means is spelled, when the sockets are at first,
// first+1, … in declared order.
type teller struct {
	means Means
	name  string // for people
	tell  func(ps []handoff.Passed, generation, first int) []string
}

var tellers = []teller{
	{Listen, "LISTEN_FDS", func(ps []handoff.Passed, _, first int) []string { return handoff.ListenEnviron(ps, first) }},
	{Einhorn, "EINHORN_FDS", func(ps []handoff.Passed, _, first int) []string { return handoff.EinhornEnviron(ps, first) }},
	{ServerStarter, "SERVER_STARTER_PORT", handoff.StarterEnviron},
	{Unicorn, "UNICORN_FD", tellUnicorn},
	{FPM, "FPM_SOCKETS", tellFPM},
	{Nginx, "NGINX", tellNginx},
}

// MeansFor are the means for a command line; none where that says it all.
func (r Row) MeansFor(argv []string) Means {
	if r.ByNumber != "" && strings.Contains(strings.Join(argv, " "), r.ByNumber) {
		return 0
	}
	if r.DaemonMeans != 0 && r.Daemonises(argv) != "" {
		return r.DaemonMeans
	}
	return r.Means
}

// Environ is what a server is told of its listeners, when they are at first,
// first+1, … LISTEN_PID is the starter's to set, in the child.
func (r Row) Environ(ps []handoff.Passed, generation, first int, argv []string) (env []string) {
	if len(ps) == 0 {
		return nil
	}
	means := r.MeansFor(argv)
	for _, t := range tellers {
		if means&t.means != 0 {
			env = append(env, t.tell(ps, generation, first)...)
		}
	}
	return env
}

// Names are those of the variables by which the means are known.
func (m Means) Names() (names []string) {
	for _, t := range tellers {
		if m&t.means != 0 {
			names = append(names, t.name)
		}
	}
	return names
}

// tellUnicorn is UNICORN_FD, as http_server.rb reads it.
func tellUnicorn(ps []handoff.Passed, _, first int) []string {
	return []string{"UNICORN_FD=" + strings.Join(numbers(ps, first), ",")}
}

// tellNginx is NGINX, as ngx_add_inherited_sockets reads it: each number ends
// with a semicolon.
func tellNginx(ps []handoff.Passed, _, first int) []string {
	return []string{"NGINX=" + strings.Join(numbers(ps, first), ";") + ";"}
}

// tellFPM is FPM_SOCKETS. A pool looks for its socket by a text (fpm_sockets.c):
// the path as it is configured; of an address the numbers, as they were bound and
// without brackets, so "::1:9000", whatever its `listen` says (seen with 8.2:
// "localhost:9000" is found as 127.0.0.1:9000 only).
func tellFPM(ps []handoff.Passed, _, first int) []string {
	var sockets []string
	for i, number := range numbers(ps, first) {
		key := ps[i].Key
		if ps[i].Network == handoff.TCP {
			key = strings.NewReplacer("[", "", "]", "").Replace(ps[i].Address)
		}
		// A path with one of these would be read as two; there is no way to quote it.
		if !strings.ContainsAny(key, ",=") {
			sockets = append(sockets, key+"="+number)
		}
	}
	return []string{"FPM_SOCKETS=" + strings.Join(sockets, ",")}
}

func numbers(ps []handoff.Passed, first int) []string {
	ns := make([]string, len(ps))
	for i := range ps {
		ns[i] = strconv.Itoa(first + i)
	}
	return ns
}
