package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// heading says where the numbers were taken, and begins the table.
func (b *bench) heading() {
	var u unix.Utsname
	_ = unix.Uname(&u)
	load, _ := os.ReadFile("/proc/loadavg")
	size := int64(0)
	if fi, err := os.Stat(b.path(herderProgram)); err == nil {
		size = fi.Size()
	}
	fmt.Printf("%s, %s, Linux %s, %d CPUs, load average %.4s at the beginning; herder is %.1f MB.\n\n", runtime.Version(), runtime.GOARCH,
		unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), load, float64(size)/1e6)
	how := ""
	if b.realtime {
		how = " They were taken at real-time priority."
	}
	fmt.Println("Times are medians, in brackets the quartiles." + how)
	fmt.Println("\n| what | at most | measured | | runs |\n| --- | --- | --- | --- | --- |")
}

// row prints one line of the table.
func row(what, limit, measured string, ok bool, runs int) {
	verdict := "ok"
	if !ok {
		verdict = "MISSED"
	}
	fmt.Printf("| %s | %s | %s | %s | %d |\n", what, limit, measured, verdict, runs)
}

// times are of the same thing, measured again and again.
type times []time.Duration

func (t times) quantile(q float64) time.Duration {
	s := slices.Sorted(slices.Values(t))
	return s[int(q*float64(len(s)-1)+0.5)]
}

func (t times) median() time.Duration { return t.quantile(0.5) }

func (t times) String() string {
	return fmt.Sprintf("%.2f ms [%.2f, %.2f]", inMS(t.median()), inMS(t.quantile(0.25)), inMS(t.quantile(0.75)))
}

// over are the differences of pairs.
func (t times) over(others times) times {
	d := make(times, len(t))
	for i := range t {
		d[i] = t[i] - others[i]
	}
	return d
}

// more is a difference, with its sign.
type more times

func (m more) String() string {
	t := times(m)
	return fmt.Sprintf("%+.2f ms [%+.2f, %+.2f]", inMS(t.median()), inMS(t.quantile(0.25)), inMS(t.quantile(0.75)))
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func ms(d time.Duration) string    { return fmt.Sprintf("%.2f ms", inMS(d)) }

// field reads the number behind a word at the beginning of a line, as in /proc/PID/status.
func field(text, name string) (n int) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			_, _ = fmt.Sscan(rest, &n)
		}
	}
	return n
}
