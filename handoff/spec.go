package handoff

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// Networks of a Spec.
const (
	TCP       = "tcp"
	UDP       = "udp"
	Unix      = "unix"     // stream
	Unixgram  = "unixgram" // datagram
	Inherited = "inherit"  // from the service manager, by name
)

// Spec says what to listen on.
type Spec struct {
	Name    string // for LISTEN_FDNAMES and {fd:NAME}; "": DefaultName
	Network string // TCP, UDP, Unix, Unixgram, Inherited
	Address string // as the user wrote it: HOST:PORT, :PORT, PORT, a path, @ABSTRACT, or the inherited name
	Options Options
}

// String writes the Spec so that ParseSpec reads it back.
func (s Spec) String() string {
	words := s.Network + ":"
	if strings.HasPrefix(s.Address, "//") {
		words += "//" // because two slashes are read over
	}
	words += s.Address
	if s.Name != "" {
		words += ",name=" + s.Name
	}
	if o := s.Options.String(); o != "" {
		words += "," + o
	}
	return words
}

// DefaultName is Name, or else one made from the address: the port, the last element of the path, the abstract or inherited name.
func (s Spec) DefaultName() string {
	name := s.Name
	if name != "" {
		return name
	}
	switch s.Network {
	case TCP, UDP:
		_, name, _ = cutPort(s.Address)
	case Unix, Unixgram:
		name = strings.TrimPrefix(filepath.Base(s.Address), "@")
	default:
		name = s.Address
	}
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(":,={};", r) {
			return '_'
		}
		return r
	}, name)
	if name == "" {
		return "listener"
	}
	return name[:min(len(name), maxName)]
}

// SameAddress says whether both mean the same socket, so that it can be kept when the configuration is read again, and must not be bound
// twice. Port 0 is any free port: two of those are the same only when they have the same name. Host names are compared as text.
func (s Spec) SameAddress(t Spec) bool {
	if s.Network != t.Network || s.canonical() != t.canonical() {
		return false
	}
	if s.anyPort() {
		return s.DefaultName() == t.DefaultName()
	}
	return true
}

func (s Spec) anyPort() bool {
	_, port, ok := cutPort(s.Address)
	return ok && (s.Network == TCP || s.Network == UDP) && strings.Trim(port, "0") == ""
}

// canonical is one spelling for all spellings of an address.
func (s Spec) canonical() string {
	switch s.Network {
	case TCP, UDP:
		host, port, _ := cutPort(s.Address)
		port = strings.TrimLeft(port, "0")
		if ip, err := netip.ParseAddr(host); err == nil {
			return ip.Unmap().String() + " " + port
		}
		if host == "" || host == "*" {
			return "::" + " " + port
		}
		return strings.ToLower(host) + " " + port
	case Unix, Unixgram:
		if strings.HasPrefix(s.Address, "@") {
			return s.Address
		}
		return filepath.Clean(s.Address)
	}
	return s.Address
}

// Conflict finds the first two specs that cannot stand beside each other: the same address twice, or one name for two. It returns their
// places, and an error that says which.
func Conflict(specs []Spec) (i, j int, err error) {
	for j := range specs {
		for i := range j {
			switch a, b := specs[i], specs[j]; {
			case a.SameAddress(b):
				return i, j, fmt.Errorf("%s:%s is listed twice", b.Network, b.Address)
			case a.DefaultName() == b.DefaultName():
				return i, j, fmt.Errorf("%s:%s and %s:%s are both named %q: give one of them name=…", a.Network, a.Address, b.Network, b.Address, b.DefaultName())
			}
		}
	}
	return 0, 0, nil
}
