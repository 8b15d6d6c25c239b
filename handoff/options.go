package handoff

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Wait says which way O_NONBLOCK must stand on a listener.
type Wait string

// The zero Wait: blocking at birth, and whatever a holder makes of it later.
const (
	WaitAny     Wait = ""
	Blocking    Wait = "blocking"    // kept so (php-fpm and Starman need it)
	NonBlocking Wait = "nonblocking" // kept so (nginx needs it and does not set it)
)

// DefaultBacklog is listen(2)'s backlog when none is asked for; the kernel cuts it at net.core.somaxconn.
const DefaultBacklog = 1024

// Options of one listener; the zero value is what most need. Two Options are equal with == when they ask for the same.
type Options struct {
	Backlog     int           `json:",omitempty"` // listen(2); 0: DefaultBacklog
	Mode        uint32        `json:",omitempty"` // of a unix path; 0: 0777 without the process' umask
	Owner       string        `json:",omitempty"` // of a unix path: name or uid
	Group       string        `json:",omitempty"` // of a unix path: name or gid
	OneName     bool          `json:",omitempty"` // a unix socket is bound at its path, so that getsockname(2) says it, for servers that compare it
	Tries       int           `json:",omitempty"` // how often to try to bind; 0: once
	Delay       time.Duration `json:",omitempty"` // between two tries; 0: DefaultDelay
	IPv6Only    bool          `json:",omitempty"` // an IPv6 socket takes no IPv4 clients
	ReusePort   int           `json:",omitempty"` // this many sockets on one address, SO_REUSEPORT; 0: one, without
	DeferAccept time.Duration `json:",omitempty"` // TCP_DEFER_ACCEPT, whole seconds
	RcvBuf      int           `json:",omitempty"` // SO_RCVBUF, bytes
	SndBuf      int           `json:",omitempty"` // SO_SNDBUF, bytes
	NoDelay     bool          `json:",omitempty"` // TCP_NODELAY, inherited by connections
	KeepAlive   bool          `json:",omitempty"` // SO_KEEPALIVE, inherited by connections
	FastOpen    int           `json:",omitempty"` // TCP_FASTOPEN, length of its queue
	FreeBind    bool          `json:",omitempty"` // IP_FREEBIND: bind an address the host does not have yet
	Device      string        `json:",omitempty"` // SO_BINDTODEVICE
	Wait        Wait          `json:",omitempty"` // O_NONBLOCK
}

// DefaultDelay is between two tries to bind.
const DefaultDelay = 500 * time.Millisecond

// option is one row of the table of options: its name, the networks it means something for, and how it is read and written.
type option struct {
	name  string
	for_  string // networks, separated by spaces
	set   func(o *Options, v string) error
	write func(o *Options) string // value, "" when not set; options without a value write "yes"
}

const (
	onPath   = "unix unixgram"
	onInet   = "tcp udp"
	onTCP    = "tcp"
	onStream = "tcp unix inherit"
	onBound  = "tcp udp unix unixgram"
	onAll    = "tcp udp unix unixgram inherit"
)

// optionTable is in the order in which Options are written.
var optionTable = [...]option{
	{"backlog", onStream, func(o *Options, v string) error { return setInt(&o.Backlog, v, 1, math.MaxInt32) }, func(o *Options) string { return number(o.Backlog) }},
	{"mode", onPath, setMode, func(o *Options) string { return octal(o.Mode) }},
	{"umask", onPath, setUmask, func(*Options) string { return "" }}, // written as mode
	{"owner", onPath, func(o *Options, v string) error { return setWord(&o.Owner, v) }, func(o *Options) string { return o.Owner }},
	{"group", onPath, func(o *Options, v string) error { return setWord(&o.Group, v) }, func(o *Options) string { return o.Group }},
	{"onename", onPath, func(o *Options, v string) error { return setBool(&o.OneName, v) }, func(o *Options) string { return yes(o.OneName) }},
	{"tries", onBound, func(o *Options, v string) error { return setInt(&o.Tries, v, 1, 1000000) }, func(o *Options) string { return number(o.Tries) }},
	{"delay", onBound, func(o *Options, v string) error { return setTime(&o.Delay, v, time.Millisecond) }, func(o *Options) string { return period(o.Delay) }},
	{"ipv6only", onInet, func(o *Options, v string) error { return setBool(&o.IPv6Only, v) }, func(o *Options) string { return yes(o.IPv6Only) }},
	{"reuseport", onInet, func(o *Options, v string) error { return setInt(&o.ReusePort, v, 1, 1024) }, func(o *Options) string { return number(o.ReusePort) }},
	{"defer_accept", onTCP, setDefer, func(o *Options) string { return period(o.DeferAccept) }},
	{"rcvbuf", onBound, func(o *Options, v string) error { return setSize(&o.RcvBuf, v) }, func(o *Options) string { return number(o.RcvBuf) }},
	{"sndbuf", onBound, func(o *Options, v string) error { return setSize(&o.SndBuf, v) }, func(o *Options) string { return number(o.SndBuf) }},
	{"nodelay", onTCP, func(o *Options, v string) error { return setBool(&o.NoDelay, v) }, func(o *Options) string { return yes(o.NoDelay) }},
	{"keepalive", onTCP, func(o *Options, v string) error { return setBool(&o.KeepAlive, v) }, func(o *Options) string { return yes(o.KeepAlive) }},
	{"fastopen", onTCP, func(o *Options, v string) error { return setInt(&o.FastOpen, v, 1, math.MaxInt32) }, func(o *Options) string { return number(o.FastOpen) }},
	{"freebind", onInet, func(o *Options, v string) error { return setBool(&o.FreeBind, v) }, func(o *Options) string { return yes(o.FreeBind) }},
	{"device", onInet, setDevice, func(o *Options) string { return o.Device }},
	{"blocking", onAll, func(o *Options, v string) error { return setWait(o, Blocking, v) }, func(o *Options) string { return yes(o.Wait == Blocking) }},
	{"nonblocking", onAll, func(o *Options, v string) error { return setWait(o, NonBlocking, v) }, func(o *Options) string { return yes(o.Wait == NonBlocking) }},
}

// OptionNames are all names that Set knows, in the order of the manual.
func OptionNames() []string {
	names := make([]string, len(optionTable))
	for i := range optionTable {
		names[i] = optionTable[i].name
	}
	return names
}

// Set sets one option from text, as in "backlog=64". An option that is a yes or no may have the value "".
func (o *Options) Set(name, value string) error {
	for i := range optionTable {
		if optionTable[i].name != name {
			continue
		}
		if err := optionTable[i].set(o, value); err != nil {
			return fmt.Errorf("option %s=%s: %w", name, value, err)
		}
		return nil
	}
	return fmt.Errorf("no option is named %q (there are %s)", name, strings.Join(OptionNames(), ", "))
}

// String writes the options as ParseSpec reads them, without a name.
func (o Options) String() string {
	var words []string
	for i := range optionTable {
		switch v := optionTable[i].write(&o); v {
		case "":
		case "yes":
			words = append(words, optionTable[i].name)
		default:
			words = append(words, optionTable[i].name+"="+v)
		}
	}
	return strings.Join(words, ",")
}

// fit says whether every option that is set means something for the network.
func (o Options) fit(network string) error {
	for i := range optionTable {
		row := &optionTable[i]
		if row.write(&o) != "" && !strings.Contains(" "+row.for_+" ", " "+network+" ") {
			return fmt.Errorf("option %s means nothing for %s (only for %s)", row.name, network, strings.ReplaceAll(row.for_, " ", ", "))
		}
	}
	return nil
}

func (o Options) backlog() int {
	if o.Backlog > 0 {
		return o.Backlog
	}
	return DefaultBacklog
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func octal(m uint32) string {
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", m)
}

func period(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
