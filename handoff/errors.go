package handoff

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Error says what could not be done to which listener, why, who is in the way, and what to do next. Err can be asked with errors.Is,
// for example for unix.EADDRINUSE.
type Error struct {
	Op    string // "bind", "inherit", "repair", …
	Spec  string // the listener, as the user wrote it
	Err   error
	Owner string // who holds the address, "" when unknown
	Hint  string // the next step, "" when there is none
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cannot " + e.Op + " " + e.Spec + ": " + e.Err.Error())
	if e.Owner != "" {
		b.WriteString(", held by " + e.Owner)
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// hintFor knows the next step for the errors people meet when they bind.
func hintFor(err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return "stop that process, or choose another address"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "this host has no such address; see `ip address`, or set freebind"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE; a unix path needs a directory we may write to"
	case errors.Is(err, unix.ENODEV):
		return "no such network device; see `ip link`"
	case errors.Is(err, unix.EAFNOSUPPORT):
		return "this kernel has no IPv6"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "raise the limit of open files"
	}
	return ""
}
