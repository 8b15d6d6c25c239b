package dialect

import (
	"strconv"
	"strings"

	"github.com/herderd/herder/handoff"
)

// MeansFor are the means by which this command line finds its sockets.
func (r Row) MeansFor(argv []string) Means {
	if r.DaemonMeans != 0 && r.Daemonises(argv) != "" {
		return r.DaemonMeans
	}
	return r.Means
}

// Environ is what tells a server of the sockets it finds at first, first+1, ….
func (r Row) Environ(ps []handoff.Passed, generation, first int, argv []string) []string {
	env, _ := handoff.Environ(ps, 0, generation, first)
	if r.MeansFor(argv) != Unicorn {
		return env
	}
	var numbers []string
	for i := range ps {
		numbers = append(numbers, strconv.Itoa(first+i))
	}
	return []string{"UNICORN_FD=" + strings.Join(numbers, ",")}
}
