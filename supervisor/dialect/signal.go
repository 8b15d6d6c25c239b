package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Real-time signals as the C library counts them: it keeps the kernel's first two
// for itself (signal(7)).
const (
	rtmin = 34
	rtmax = 64
)

// Signal reads the name of a signal: TERM, SIGTERM, term, 15, RTMIN+3.
func Signal(name string) (unix.Signal, error) {
	short := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "SIG")
	if n, err := strconv.Atoi(short); err == nil {
		if n < 1 || n > rtmax {
			return 0, fmt.Errorf("cannot use signal %q: signals are numbered from 1 to %d", name, rtmax)
		}
		return unix.Signal(n), nil
	}
	if n := realTime(short); n >= rtmin && n <= rtmax {
		return unix.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + short); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("cannot use signal %q: there is no such signal; kill -l lists them", name)
}

// realTime reads RTMIN, RTMIN+n, RTMAX-n and RTMAX; 0 for anything else.
func realTime(s string) int {
	base, rest := 0, ""
	switch {
	case strings.HasPrefix(s, "RTMIN"):
		base, rest = rtmin, s[len("RTMIN"):]
	case strings.HasPrefix(s, "RTMAX"):
		base, rest = rtmax, s[len("RTMAX"):]
	default:
		return 0
	}
	if rest == "" {
		return base
	}
	if n, err := strconv.Atoi(rest); err == nil && (rest[0] == '+' || rest[0] == '-') {
		return base + n
	}
	return 0
}
