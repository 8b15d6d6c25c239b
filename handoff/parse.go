package handoff

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A listener in text:
//
//  1. [NETWORK:]ADDRESS[,name=NAME][,OPTION[=VALUE]]…
//  2. NETWORK is tcp, udp, unix, unixgram or inherit; without one, an address with a slash or an @ in front is unix, any other tcp.
//  3. ADDRESS of tcp and udp: HOST:PORT, [IPV6]:PORT, :PORT, *:PORT or PORT (the last three: every address of this host);
//     of unix and unixgram: PATH, or @NAME for an abstract one; of inherit: the name the service manager gave it.
//  4. Two slashes behind NETWORK: (as in unix:///run/app.sock) are read over.

const (
	maxSpec = 4096
	maxName = 255 // systemd's FDNAME_MAX
)

// ParseSpec reads a listener from text; it touches nothing. The error says what is wrong with which part.
func ParseSpec(text string) (Spec, error) {
	s, err := parse(text)
	if err != nil {
		if len(text) > 80 {
			text = text[:80] + "…"
		}
		return Spec{}, fmt.Errorf("cannot read listener %q: %w", text, err)
	}
	return s, nil
}

func parse(text string) (Spec, error) {
	if len(text) > maxSpec {
		return Spec{}, fmt.Errorf("longer than %d bytes", maxSpec)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return Spec{}, fmt.Errorf("byte %d is a control character", i)
	}
	address, options, more := strings.Cut(text, ",")
	s := split(address)
	seen := map[string]bool{}
	for more {
		var word string
		word, options, more = strings.Cut(options, ",")
		name, value, _ := strings.Cut(word, "=")
		if seen[name] {
			return Spec{}, fmt.Errorf("option %s is given twice", name)
		}
		seen[name] = true
		if name == "name" {
			s.Name = value
			if value == "" {
				return Spec{}, errors.New("name= is empty")
			}
			continue
		}
		if err := s.Options.Set(name, value); err != nil {
			return Spec{}, err
		}
	}
	return s, s.Validate()
}

// split tells the network from the address.
func split(address string) Spec {
	if network, rest, ok := strings.Cut(address, ":"); ok {
		switch network {
		case TCP, UDP, Unix, Unixgram, Inherited:
			return Spec{Network: network, Address: strings.TrimPrefix(rest, "//")}
		}
	}
	if strings.HasPrefix(address, "@") || strings.Contains(address, "/") && !strings.Contains(address, "://") {
		return Spec{Network: Unix, Address: address}
	}
	return Spec{Network: TCP, Address: address}
}

// Validate says what is wrong with a Spec, without touching anything.
func (s Spec) Validate() error {
	if err := validName(s.Name); err != nil {
		return err
	}
	var err error
	switch s.Network {
	case TCP, UDP:
		err = validInet(s.Address)
	case Unix, Unixgram:
		err = validPath(s.Address)
		if err == nil && s.Address[0] == '@' && (s.Options.Mode != 0 || s.Options.Owner != "" || s.Options.Group != "") {
			err = errors.New("an abstract socket has no mode, owner or group: anybody in the network namespace may connect")
		}
	case Inherited:
		if s.Address == "" {
			return errors.New("inherit: needs the name of the inherited socket")
		}
		err = validName(s.Address)
	default:
		return fmt.Errorf("no network is named %q (there are tcp, udp, unix, unixgram, inherit)", s.Network)
	}
	if err != nil {
		return err
	}
	return s.Options.fit(s.Network)
}

// validName keeps to what sd_listen_fds_with_names(3) can carry, and to what {fd:NAME} can spell.
func validName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("name is longer than %d bytes", maxName)
	}
	for _, r := range name {
		if r <= ' ' || r > '~' || strings.ContainsRune(":,={}", r) {
			return fmt.Errorf("name %q has a %q: only letters, digits and plain signs, but none of : , = { }", name, r)
		}
	}
	return nil
}

func validInet(address string) error {
	host, port, ok := cutPort(address)
	switch {
	case address == "":
		return errors.New("no address")
	case strings.Contains(address, "://"):
		return errors.New("a URL is not an address: write HOST:PORT")
	case !ok && strings.Count(address, ":") > 1:
		return errors.New("an IPv6 address needs brackets: [ADDRESS]:PORT")
	case !ok:
		return errors.New("no port: write HOST:PORT")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	if strings.HasPrefix(address, "[") {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return fmt.Errorf("%q is not an IPv6 address", host)
		}
	}
	if strings.ContainsAny(host, " =/@{}") {
		return fmt.Errorf("%q is not the name of a host", host)
	}
	return nil
}

func validPath(path string) error {
	switch {
	case path == "":
		return errors.New("no path")
	case path == "@":
		return errors.New("an abstract socket needs a name behind the @")
	case path[0] == '@' && len(path) > maxPath:
		return fmt.Errorf("an abstract name has at most %d bytes, this one %d", maxPath-1, len(path)-1)
	case path[0] != '@' && strings.HasSuffix(path, "/"):
		return errors.New("a path to a socket does not end in a slash")
	}
	return nil
}

// cutPort splits HOST:PORT, [HOST]:PORT or PORT; ok is false when there is no port.
func cutPort(address string) (host, port string, ok bool) {
	if rest, found := strings.CutPrefix(address, "["); found {
		host, port, ok = strings.Cut(rest, "]:")
		return host, port, ok && port != ""
	}
	if !strings.Contains(address, ":") {
		_, err := strconv.ParseUint(address, 10, 64)
		return "", address, err == nil
	}
	host, port, _ = strings.Cut(address, ":")
	return host, port, port != "" && !strings.Contains(port, ":")
}
