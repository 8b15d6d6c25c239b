package ready

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is one way of knowing that a generation serves.
type Kind string

// The kinds, as the user writes them.
const (
	KindAuto   Kind = "auto"   // the first of notify, fd, armed
	KindNotify Kind = "notify" // READY=1 on NOTIFY_SOCKET
	KindFD     Kind = "fd"     // a newline on the notification fd
	KindArmed  Kind = "armed"  // a process waits on our socket
	KindHTTP   Kind = "http"   // GET answered by the new generation
	KindTCP    Kind = "tcp"    // a connection accepted by the new generation
	KindExec   Kind = "exec"   // a command that ends with 0
	KindDelay  Kind = "delay"  // so much time without dying
	KindNone   Kind = "none"   // started is ready
)

// MaxDelay bounds delay:; a longer one is surely a mistake.
const MaxDelay = 24 * time.Hour

// maxHow bounds what Parse reads.
const maxHow = 4096

// How says how a generation is known to be ready. Only the fields of its Kind
// are set. It survives JSON and [How.String].
type How struct {
	Kind      Kind          `json:"kind"`
	Path      string        `json:"path,omitempty"`       // http: what to GET, from the slash on
	Host      string        `json:"host,omitempty"`       // http: the Host header, "localhost" when empty
	StatusMin int           `json:"status_min,omitempty"` // http: lowest good status
	StatusMax int           `json:"status_max,omitempty"` // http: highest good status
	Argv      []string      `json:"argv,omitempty"`       // exec: the command
	Delay     time.Duration `json:"delay,omitempty"`      // delay: how long
}

// Unseen says whether it is enough to be alive, whatever can be seen of the process.
func (h How) Unseen() bool { return h.Kind == KindDelay || h.Kind == KindNone }

// Parse reads what the user wrote: auto, notify, fd, armed, none, tcp,
// http:/PATH[,status=200-399][,host=NAME], exec:COMMAND ARG…, delay:5s. The
// command is split into words as a shell would, quotes included, but no shell
// runs it.
func Parse(s string) (How, error) {
	if len(s) > maxHow || strings.ContainsRune(s, 0) {
		return How{}, fmt.Errorf("cannot read this way of being ready: longer than %d bytes, or with a NUL in it", maxHow)
	}
	kind, rest, colon := strings.Cut(s, ":")
	h := How{Kind: Kind(kind)}
	var err error
	switch h.Kind {
	case KindAuto, KindNotify, KindFD, KindArmed, KindTCP, KindNone:
		if colon {
			err = fmt.Errorf("%q takes nothing after it", kind)
		}
	case KindHTTP:
		err = h.parseHTTP(rest)
	case KindExec:
		h.Argv, err = words(rest)
	case KindDelay:
		h.Delay, err = parseDelay(rest)
	default:
		err = fmt.Errorf("known are auto, notify, fd, armed, http:/PATH, tcp, exec:COMMAND, delay:TIME, none")
	}
	if err != nil {
		return How{}, fmt.Errorf("cannot tell readiness by %q: %w", s, err)
	}
	return h, nil
}

// parseHTTP reads "/healthz,status=200-399,host=example.org". A comma belongs
// to the path unless a known option follows it.
func (h *How) parseHTTP(s string) error {
	h.StatusMin, h.StatusMax = 200, 399
	for {
		i := strings.LastIndexByte(s, ',')
		key, value, _ := strings.Cut(s[i+1:], "=")
		if i < 0 || (key != "status" && key != "host") {
			break
		}
		if err := h.option(key, value); err != nil {
			return err
		}
		s = s[:i]
	}
	if s == "" {
		s = "/"
	}
	if s[0] != '/' || strings.ContainsAny(s, " \t\r\n\x7f") {
		return fmt.Errorf("the path must begin with a slash and have no white space, as in http:/healthz")
	}
	h.Path = s
	return nil
}

func (h *How) option(key, value string) error {
	if key == "host" {
		if value == "" || strings.ContainsAny(value, " \t\r\n,/") {
			return fmt.Errorf("host=%s is not a host name", value)
		}
		h.Host = value
		return nil
	}
	low, high, isRange := strings.Cut(value, "-")
	if !isRange {
		high = low
	}
	var errLow, errHigh error
	h.StatusMin, errLow = strconv.Atoi(low)
	h.StatusMax, errHigh = strconv.Atoi(high)
	if errLow != nil || errHigh != nil || h.StatusMin < 100 || h.StatusMax > 599 || h.StatusMin > h.StatusMax {
		return fmt.Errorf("status=%s is neither a status nor a range as 200-399", value)
	}
	return nil
}

func parseDelay(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time, write delay:5s", s)
	}
	if d <= 0 || d > MaxDelay {
		return 0, fmt.Errorf("%s is not between 0 and %s", d, MaxDelay)
	}
	return d, nil
}

// String gives back what Parse reads.
func (h How) String() string {
	switch h.Kind {
	case KindHTTP:
		s := "http:" + h.Path
		if h.Host != "" {
			s += ",host=" + h.Host
		}
		return s + fmt.Sprintf(",status=%d-%d", h.StatusMin, h.StatusMax)
	case KindExec:
		return "exec:" + quote(h.Argv)
	case KindDelay:
		return "delay:" + h.Delay.String()
	}
	return string(h.Kind)
}
