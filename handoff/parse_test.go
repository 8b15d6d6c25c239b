package handoff

import (
	"strings"
	"testing"
	"time"
)

func TestParseSpec(t *testing.T) {
	for text, want := range map[string]Spec{
		"127.0.0.1:8080":          {Network: TCP, Address: "127.0.0.1:8080"},
		":8080":                   {Network: TCP, Address: ":8080"},
		"8080":                    {Network: TCP, Address: "8080"},
		"*:8080":                  {Network: TCP, Address: "*:8080"},
		"[::]:80,ipv6only":        {Network: TCP, Address: "[::]:80", Options: Options{IPv6Only: true}},
		"tcp:localhost:80":        {Network: TCP, Address: "localhost:80"},
		"tcp://[::1]:80":          {Network: TCP, Address: "[::1]:80"},
		"[fe80::1%eth0]:80":       {Network: TCP, Address: "[fe80::1%eth0]:80"},
		"udp:53,name=dns":         {Network: UDP, Address: "53", Name: "dns"},
		"/run/app.sock":           {Network: Unix, Address: "/run/app.sock"},
		"./app.sock":              {Network: Unix, Address: "./app.sock"},
		"unix:app.sock":           {Network: Unix, Address: "app.sock"},
		"unix:///run/app.sock":    {Network: Unix, Address: "/run/app.sock"},
		"@app":                    {Network: Unix, Address: "@app"},
		"unixgram:@app":           {Network: Unixgram, Address: "@app"},
		"inherit:web,backlog=9":   {Network: Inherited, Address: "web", Options: Options{Backlog: 9}},
		"80,umask=0117":           {}, // see below: not for tcp
		"/s,umask=0117,owner=www": {Network: Unix, Address: "/s", Options: Options{Mode: 0o660, Owner: "www"}},
		"80,tries=5,delay=0.5":    {Network: TCP, Address: "80", Options: Options{Tries: 5, Delay: 500 * time.Millisecond}},
		"80,defer_accept,rcvbuf=1m,sndbuf=64k,nodelay=on,keepalive=0": {Network: TCP, Address: "80",
			Options: Options{DeferAccept: time.Second, RcvBuf: 1 << 20, SndBuf: 64 << 10, NoDelay: true}},
		"80,reuseport=4,fastopen=256,freebind,device=eth0,nonblocking": {Network: TCP, Address: "80",
			Options: Options{ReusePort: 4, FastOpen: 256, FreeBind: true, Device: "eth0", Wait: NonBlocking}},
	} {
		got, err := ParseSpec(text)
		if want.Network == "" {
			if err == nil {
				t.Errorf("%s was read", text)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again, err := ParseSpec(got.String())
		if err != nil || again != got {
			t.Errorf("%s is written %s and read %+v, %v", text, got, again, err)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "no address",
		"127.0.0.1":                           "no port",
		"::1:80":                              "brackets",
		"[127.0.0.1]:80":                      "not an IPv6 address",
		"[nonsense]:80":                       "not an IPv6 address",
		"host:http":                           "not a number",
		"host:65536":                          "not a number",
		"host:-1":                             "not a number",
		"host:+1":                             "not a number",
		"http://host:80":                      "a URL is not an address",
		"a b:80":                              "not the name of a host",
		"unix:":                               "no path",
		"unix:@":                              "needs a name",
		"unix:@" + strings.Repeat("x", 107):   "at most 106 bytes",
		"/run/":                               "slash",
		"inherit:":                            "needs the name",
		"inherit:a:b":                         "none of",
		"80,name=":                            "empty",
		"80,name=a b":                         "none of",
		"80,name=" + strings.Repeat("x", 256): "longer than 255",
		"80,nonsense=1":                       "no option is named \"nonsense\" (there are backlog, mode",
		"80,backlog=0":                        "from 1",
		"80,backlog=x":                        "whole number",
		"80,backlog=5,backlog=6":              "twice",
		"80,mode=0660":                        "mode means nothing for tcp (only for unix, unixgram)",
		"/s,mode=0":                           "octal mode",
		"/s,mode=0999":                        "octal mode",
		"/s,mode=0660,umask=0":                "contradict",
		"/s,umask=0777":                       "octal mask",
		"@s,mode=0660":                        "abstract",
		"/s,reuseport=2":                      "reuseport means nothing for unix",
		"80,blocking,nonblocking":             "exclude",
		"80,nodelay=perhaps":                  "yes or no",
		"80,delay=1ns":                        "want a time",
		"80,delay=soon":                       "want a time",
		"80,rcvbuf=9g":                        "bytes",
		"80,device=averyverylongname":         "15 bytes",
		"/s,owner=":                           "name or a number",
		"80\n":                                "control character",
		strings.Repeat("8", 5000):             "longer than 4096",
	} {
		_, err := ParseSpec(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot read listener") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDefaultName(t *testing.T) {
	for text, want := range map[string]string{
		"80": "80", "[::]:8080": "8080", "/run/app.sock": "app.sock", "@app": "app", "unix:@a:b": "a_b", "inherit:web": "web", "80,name=x": "x",
	} {
		if got := parseT(t, text).DefaultName(); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// FuzzParseSpec: nothing panics, and what is read can be written and read again.
func FuzzParseSpec(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		if err := validName(s.DefaultName()); err != nil {
			t.Fatal(err)
		}
		again, err := ParseSpec(s.String())
		if err != nil || again != s {
			t.Fatalf("%q is %+v, written %q, and read %+v, %v", text, s, s.String(), again, err)
		}
		if !s.SameAddress(again) {
			t.Fatalf("%q is not itself", text)
		}
	})
}

// FuzzListenEnv: whatever the environment says, there are as many names as descriptors, and not too many.
func FuzzListenEnv(f *testing.F) {
	f.Fuzz(func(t *testing.T, fds, pid, names string) {
		n, got, err := listenEnv([]string{"LISTEN_FDS=" + fds, "LISTEN_PID=" + pid, "LISTEN_FDNAMES=" + names}, 42)
		if n < 0 || n > maxListen || len(got) != n || err != nil && n != 0 {
			t.Fatal(n, got, err)
		}
		if n > 0 && strings.TrimLeft(pid, "0") != "42" {
			t.Fatalf("believed for pid %q", pid)
		}
	})
}

// The answers of the kernel are not trusted either.
func FuzzDiag(f *testing.F) {
	f.Fuzz(func(_ *testing.T, b []byte) { _, _, _ = parseDiag(b) })
}
