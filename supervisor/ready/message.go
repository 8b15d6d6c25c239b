package ready

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxMessage bounds a notify datagram; a longer one is refused whole.
const MaxMessage = 4096

// Message is one datagram of sd_notify(3).
type Message struct {
	// Who sent it, as the kernel says (unix(7), SCM_CREDENTIALS). PID is 0
	// when the sender is not of our pid namespace.
	PID, UID, GID int

	Ready, Stopping, Reloading bool

	Watchdog        bool // still alive
	WatchdogTrigger bool // the program itself says that it is not

	Status  string        // for people; no control characters
	Errno   int           // errno of a failure
	MainPID int           // what the sender says the main process is: a hint
	Extend  time.Duration // EXTEND_TIMEOUT_USEC: give me so long from now

	WatchdogEvery time.Duration // WATCHDOG_USEC: a new watchdog period
	Monotonic     time.Duration // MONOTONIC_USEC, comes with Reloading

	Barrier bool // its fd was closed once all before it was delivered

	// Err says what in the datagram was not understood and ignored: garbage is
	// worth a line in the log, and never more.
	Err error
}

// Says reports whether the message holds anything that was understood.
func (m Message) Says() bool {
	m.PID, m.UID, m.GID, m.Err = 0, 0, 0, nil
	return m != Message{}
}

// ParseMessage reads the text of a notify datagram: KEY=VALUE lines, of which
// unknown ones are ignored, as sd_notify(3) asks. As systemd does, it takes
// from a malformed datagram the lines it understands; the error names the
// first one it does not.
func ParseMessage(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, errTooLong
	}
	var m Message
	var first error
	for line := range strings.SplitSeq(string(b), "\n") {
		if line == "" {
			continue
		}
		if err := m.line(line); err != nil && first == nil {
			first = fmt.Errorf("cannot understand notify message: %w", err)
		}
	}
	return m, first
}

var errTooLong = fmt.Errorf("cannot take a notify message of more than %d bytes", MaxMessage)

func (m *Message) line(line string) (err error) {
	key, value, ok := strings.Cut(line, "=")
	if !ok || key == "" {
		return fmt.Errorf("%.40q is not KEY=VALUE", line)
	}
	switch key {
	case "READY":
		err = isOne(key, value, &m.Ready)
	case "STOPPING":
		err = isOne(key, value, &m.Stopping)
	case "RELOADING":
		err = isOne(key, value, &m.Reloading)
	case "BARRIER":
		err = isOne(key, value, &m.Barrier)
	case "WATCHDOG":
		if value == "trigger" {
			m.WatchdogTrigger = true
			break
		}
		err = isOne(key, value, &m.Watchdog)
	case "STATUS":
		m.Status = printable(value)
	case "ERRNO":
		m.Errno, err = number(key, value, 0, 1<<16)
	case "MAINPID":
		m.MainPID, err = number(key, value, 1, 1<<31-1)
	case "EXTEND_TIMEOUT_USEC":
		m.Extend, err = microseconds(key, value)
	case "WATCHDOG_USEC":
		m.WatchdogEvery, err = microseconds(key, value)
	case "MONOTONIC_USEC":
		m.Monotonic, err = microseconds(key, value)
	}
	return err
}

func isOne(key, value string, to *bool) error {
	if value != "1" {
		return fmt.Errorf("%s=%.40q is not %s=1", key, value, key)
	}
	*to = true
	return nil
}

func number(key, value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s=%.40q is not a number from %d to %d", key, value, low, high)
	}
	return n, nil
}

func microseconds(key, value string) (time.Duration, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > uint64(1<<63-1)/uint64(time.Microsecond) {
		return 0, fmt.Errorf("%s=%.40q is not a number of microseconds", key, value)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// printable keeps a status from playing tricks on a log or a terminal.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?")))
}
