package starter

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/herderd/herder/handoff"
)

// Listener is one --port or --path.
type Listener struct {
	Spec   handoff.Spec
	Key    string // in SERVER_STARTER_PORT
	FD     int    // in the worker
	Chosen bool   // the user said FD
}

// backlog is SOMAXCONN, start_server's default; the kernel cuts it at net.core.somaxconn.
const backlog = 4096

const (
	firstFD = 3
	maxFD   = 1<<16 - 1 // more than any limit on open files that is not a mistake

	longestName = 255 // a handoff.Spec takes no longer one
)

// listeners reads the ports and then the paths, in which order a worker is told of them.
func (c *Command) listeners() error {
	for _, text := range c.ports {
		l, err := parsePort(text)
		if err != nil {
			return fmt.Errorf("--port %s: %w", text, err)
		}
		c.Listeners = append(c.Listeners, l)
	}
	for _, text := range c.paths {
		l, err := parsePath(text)
		if err != nil {
			return fmt.Errorf("--path %s: %w", text, err)
		}
		c.Listeners = append(c.Listeners, l)
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Spec.Network != handoff.UDP {
			l.Spec.Options.Backlog = max(c.Backlog, 0)
			if c.Backlog == 0 {
				l.Spec.Options.Backlog = backlog
			}
		}
		if err := l.Spec.Validate(); err != nil {
			return fmt.Errorf("cannot listen on %s: %w", l.Key, err)
		}
	}
	c.name()
	if _, _, err := handoff.Conflict(c.Specs()); err != nil {
		return err
	}
	return c.number()
}

// name gives each listener a name of its own. Workers are not told it: start_server
// knows none, and takes two listeners with one port number, or two sockets with one
// file name. The log and the status tell them apart by it, and so does a handoff.Spec
// two that are any free port.
func (c *Command) name() {
	taken := map[string]bool{}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		base := l.Spec.DefaultName()
		name := base
		for n := 2; taken[name]; n++ {
			suffix := "-" + strconv.Itoa(n)
			name = base[:min(len(base), longestName-len(suffix))] + suffix
		}
		taken[name] = true
		if name != base {
			l.Spec.Name = name
		}
	}
}

// number gives a descriptor to those who have none: the first that nobody chose.
func (c *Command) number() error {
	taken := map[int]bool{}
	for _, l := range c.Listeners {
		if l.Chosen && taken[l.FD] {
			return fmt.Errorf("two listeners cannot both be descriptor %d", l.FD)
		}
		if l.Chosen {
			taken[l.FD] = true
		}
	}
	next := firstFD
	for i := range c.Listeners {
		if c.Listeners[i].Chosen {
			continue
		}
		for taken[next] {
			next++
		}
		c.Listeners[i].FD = next
		next++
	}
	return nil
}

// parsePort reads [HOST:][u]PORT[=FD]. Without a host it is every IPv4 address, and
// none of IPv6, as ever.
func parsePort(text string) (Listener, error) {
	rest, l, err := cutFD(strings.TrimSpace(text))
	if err != nil {
		return l, err
	}
	host, port, whole := "", rest, true
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, port, whole = unbracket(rest[:i]), strings.TrimSpace(rest[i+1:]), false
	}
	l.Spec.Network = handoff.TCP
	if number, udp := strings.CutPrefix(port, "u"); udp {
		l.Spec.Network, port = handoff.UDP, number
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return l, fmt.Errorf("%q is not a port: want PORT, HOST:PORT or [IPV6]:PORT, with u in front of a UDP port", port)
	}
	switch {
	case whole:
		l.Key, l.Spec.Address = port, "0.0.0.0:"+port
	case strings.Contains(host, ":"):
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return l, fmt.Errorf("%q is not an IPv6 address", host)
		}
		l.Key = "[" + host + "]:" + port
		l.Spec.Address, l.Spec.Options.IPv6Only = l.Key, true
	case host == "" || host == "*":
		return l, errors.New("no host in front of the colon: write PORT alone for every IPv4 address, [::]:PORT for every IPv6 address")
	default:
		l.Key = host + ":" + port
		l.Spec.Address = l.Key
	}
	return l, nil
}

func unbracket(host string) string {
	host = strings.TrimSpace(host)
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return strings.TrimSpace(host)
}

// parsePath reads PATH[=FD]. The key is the path as it is written, and relative to
// where start_server was started.
func parsePath(text string) (Listener, error) {
	path, l, err := cutFD(text)
	if err != nil {
		return l, err
	}
	if strings.ContainsAny(path, "=;") || path == "" {
		return l, errors.New("a worker could not read it from SERVER_STARTER_PORT: a path is not empty, and has no = and no ; in it")
	}
	if strings.HasSuffix(path, "/") {
		return l, errors.New("a path to a socket does not end in a slash")
	}
	l.Key, l.Spec.Network, l.Spec.Options.Mode = path, handoff.Unix, 0o777 // whatever our umask
	l.Spec.Address, err = filepath.Abs(path)
	return l, err
}

// cutFD cuts =FD off.
func cutFD(text string) (string, Listener, error) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return text, Listener{}, nil
	}
	fd, err := strconv.ParseUint(text[i+1:], 10, 32)
	if err != nil || fd > maxFD {
		return "", Listener{}, fmt.Errorf("%q is not a descriptor: want a number up to %d behind the =", text[i+1:], maxFD)
	}
	return strings.TrimSpace(text[:i]), Listener{FD: int(fd), Chosen: true}, nil
}

// Specs are the listeners to be bound, and Numbers where a worker has them.
func (c *Command) Specs() []handoff.Spec {
	var specs []handoff.Spec
	for _, l := range c.Listeners {
		specs = append(specs, l.Spec)
	}
	return specs
}

// Numbers are the descriptors of the listeners in a worker.
func (c *Command) Numbers() []int {
	numbers := []int{}
	for _, l := range c.Listeners {
		numbers = append(numbers, l.FD)
	}
	return numbers
}

// Port is SERVER_STARTER_PORT.
func (c *Command) Port() string {
	var words []string
	for _, l := range c.Listeners {
		words = append(words, l.Key+"="+strconv.Itoa(l.FD))
	}
	return strings.Join(words, ";")
}
