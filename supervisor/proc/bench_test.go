package proc

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkSpawn compares, turn by turn so that other load hits all alike, the
// time from the call to the child's end: Spawn with all its work, a bare
// syscall.ForkExec, os/exec. The medians are what counts.
func BenchmarkSpawn(b *testing.B) {
	env := os.Environ()
	s := newSpawner(b)
	spec := Spec{Path: "/bin/true", Env: env, Umask: 0o22, ListenPID: true, Session: true, Files: []int{0, 1, 2}, Rlimits: []Rlimit{{unix.RLIMIT_NOFILE, 1024, 1024}}}
	ways := []struct {
		name string
		do   func()
		took []time.Duration
	}{
		{name: "bare", do: func() {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
			check(b, err)
			_, err = wait(pid, 0)
			check(b, err)
		}},
		{name: "proc", do: func() {
			p, err := s.Spawn(spec)
			check(b, err)
			_, err = wait(p.Ref().PID, 0)
			check(b, err)
			check(b, p.Close())
		}},
		{name: "os/exec", do: func() { check(b, exec.Command("/bin/true").Run()) }},
	}
	for b.Loop() {
		for i := range ways {
			start := time.Now()
			ways[i].do()
			ways[i].took = append(ways[i].took, time.Since(start))
		}
	}
	bare := median(ways[0].took)
	for _, w := range ways {
		b.ReportMetric(float64(median(w.took).Microseconds()), w.name+"-µs")
	}
	b.ReportMetric(float64((median(ways[1].took) - bare).Microseconds()), "over-bare-µs")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
