package ready

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answerPy reads whole requests, as HTTP servers do, and answers its argument.
const answerPy = `
import sys
while 1:
    c,_=s.accept(); c.setblocking(True); b=b''
    while b'\r\n\r\n' not in b:
        d=c.recv(4096)
        if not d: break
        b+=d
    try: c.sendall(b'HTTP/1.0 %s x\r\nX: y\r\n\r\nok'%sys.argv[1].encode())
    except OSError: pass
    c.close()
`

// worker starts a server that answers status, and waits until it serves.
func worker(t *testing.T, sock *socket, status string) *program {
	t.Helper()
	p := start(t, sock, append(python(initPy+sockPy+answerPy), status))
	p.waitBegun()
	p.proceed()
	p.mustArmed(sock, Accept)
	return p
}

func (s *socket) target() Target { return Target{s.network, s.address} }

func (p *program) belongs(pid int) bool { return pid == p.pid() }

func how(t *testing.T, s string) How {
	t.Helper()
	h, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Two generations share the socket: only answers of the new one count.
func TestProbeAttributes(t *testing.T) {
	for _, network := range []string{"tcp", "tcp6", "unix"} {
		for _, kind := range []string{"tcp", "http:/"} {
			t.Run(network+" "+kind, func(t *testing.T) {
				t.Parallel()
				sock := listen(t, network)
				old := worker(t, sock, "200")
				h := how(t, kind)
				nobody := func(int) bool { return false }
				if err := Probe(t.Context(), h, sock.target(), nobody); !errors.Is(err, ErrElsewhere) {
					t.Errorf("nobody belongs: %v", err)
				}
				if err := Probe(t.Context(), h, sock.target(), old.belongs); err != nil {
					t.Errorf("the old one: %v", err)
				}
				successor := worker(t, sock, "204")
				elsewhere := 0
				eventually(t, "be answered by the successor", func() bool {
					err := Probe(t.Context(), h, sock.target(), successor.belongs)
					if errors.Is(err, ErrElsewhere) {
						elsewhere++
					} else if err != nil {
						t.Fatal(err)
					}
					return err == nil
				})
				t.Logf("the old one answered %d times before", elsewhere)
			})
		}
	}
}

// hastyPy reads once, whatever that brings, answers and closes.
const hastyPy = `
while 1:
    c,_=s.accept(); c.setblocking(True)
    try:
        c.recv(4096); c.sendall(b'HTTP/1.0 200 x\r\n\r\nok')
    except OSError: pass
    c.close()
`

// A server that answers whatever it reads first is seen before it is gone.
func TestProbeHastyServer(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		sock := listen(t, network)
		p := start(t, sock, python(initPy+sockPy+hastyPy))
		p.waitBegun()
		p.proceed()
		p.mustArmed(sock, Accept)
		if err := Probe(t.Context(), how(t, "http:/"), sock.target(), p.belongs); err != nil {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// rudePy answers before it was asked, and closes.
const rudePy = `
while 1:
    c,_=s.accept()
    try: c.sendall(b'HTTP/1.0 200 x\r\n\r\nok')
    except OSError: pass
    c.close()
`

// A server that is gone before it was seen is an error at once, though what it
// said is not read: the probe's own limit is far longer than anybody waits.
func TestProbeRudeServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), ProbeLimit)
	defer cancel()
	sock := listen(t, "tcp")
	p := start(t, sock, python(initPy+sockPy+rudePy))
	p.waitBegun()
	p.proceed()
	p.mustArmed(sock, Accept)
	for range 5 {
		if err := Probe(ctx, how(t, "http:/"), sock.target(), p.belongs); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// A server that answers badly is not ready, whoever it is.
func TestProbeStatus(t *testing.T) {
	sock := listen(t, "tcp")
	p := worker(t, sock, "503")
	err := Probe(t.Context(), how(t, "http:/healthz"), sock.target(), p.belongs)
	if err == nil || !strings.Contains(err.Error(), "503, not 200 to 399") || !strings.Contains(err.Error(), "/healthz") {
		t.Error(err)
	}
	if err := Probe(t.Context(), how(t, "http:/,status=503"), sock.target(), p.belongs); err != nil {
		t.Error(err)
	}
}

// IPv4 on an IPv6 socket, and a socket that wakes nobody without data.
func TestProbeOddSockets(t *testing.T) {
	sock := listen(t, "tcp6")
	p := worker(t, sock, "200")
	_, port, _ := net.SplitHostPort(sock.address)
	for _, host := range []string{"127.0.0.1", "::1", "::", ""} {
		if err := Probe(t.Context(), how(t, "http:/"), Target{"tcp", net.JoinHostPort(host, port)}, p.belongs); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
	only := listen(t, "tcp6 only")
	if err := Probe(t.Context(), how(t, "http:/"), only.target(), worker(t, only, "200").belongs); err != nil {
		t.Errorf("not for IPv4: %v", err)
	}
	if err := unix.SetsockoptInt(int(sock.file.Fd()), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), how(t, "http:/"), sock.target(), p.belongs); err != nil {
		t.Errorf("TCP_DEFER_ACCEPT: %v", err)
	}
}

// Nobody accepts: the probe ends with its context, and says so.
func TestProbeNotAccepted(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		sock := listen(t, network)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		err := Probe(ctx, how(t, "http:/"), sock.target(), func(int) bool { return true })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

// scripted serves one connection in this process.
func scripted(t *testing.T, f func(c net.Conn)) Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		f(c)
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return Target{"tcp", ln.Addr().String()}
}

func readRequest(c net.Conn) string {
	var all []byte
	b := make([]byte, 4096)
	for !bytes.Contains(all, []byte("\r\n\r\n")) {
		n, err := c.Read(b)
		if err != nil {
			break
		}
		all = append(all, b[:n]...)
	}
	return string(all)
}

func me(pid int) bool { return pid == os.Getpid() }

func TestProbeAsks(t *testing.T) {
	request := make(chan string, 1)
	target := scripted(t, func(c net.Conn) {
		request <- readRequest(c)
		c.Write([]byte("HTTP/1.1 301 Moved\r\n\r\n"))
	})
	if err := Probe(t.Context(), how(t, "http:/a?b=c,host=example.org"), target, me); err != nil {
		t.Error(err)
	}
	got := <-request
	for _, want := range []string{"GET /a?b=c HTTP/1.0\r\n", "\r\nHost: example.org\r\n", "\r\nConnection: close\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestProbeBadAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		"":                                 "did not answer in HTTP",
		"SSH-2.0-x\r\n":                    "did not answer in HTTP",
		"HTTP/1.0 200 OK":                  "did not answer in HTTP", // cut
		"HTTP/1.0 2000 OK\r\n":             "did not answer in HTTP",
		"HTTP/1.0 abc OK\r\n":              "did not answer in HTTP",
		"HTTP/1.0 099 OK\r\n":              "did not answer in HTTP",
		"HTTP/2 200\r\n":                   "did not answer in HTTP",
		"\x00\xff\r\n":                     "did not answer in HTTP",
		strings.Repeat("x", 2*maxAnswer):   "did not answer in HTTP",
		"HTTP/1.0 404 Not Found\r\n\r\n":   "404",
		"HTTP/1.0 200\r\n":                 "",
		"HTTP/1.1 200 OK\r\nA: b\r\n\r\nx": "",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxAnswer): "",
	} {
		target := scripted(t, func(c net.Conn) {
			readRequest(c)
			c.Write([]byte(answer))
		})
		err := Probe(t.Context(), how(t, "http:/"), target, me)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %q", answer, err, want)
		}
	}
}

// A server that says nothing, or a byte now and then, ends with the context.
func TestProbeSlowAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := scripted(t, func(c net.Conn) {
		readRequest(c)
		c.Write([]byte("HT"))
		cancel()
		c.Read(make([]byte, 1)) // until the probe hangs up
	})
	err := Probe(ctx, how(t, "http:/"), target, me)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestProbeRefuses(t *testing.T) {
	for _, c := range []struct {
		how    string
		target Target
		want   string
	}{
		{"armed", Target{"tcp", "127.0.0.1:1"}, "only http and tcp"},
		{"tcp", Target{"udp", "127.0.0.1:1"}, "no connections"},
		{"tcp", Target{"tcp", "nonsense"}, "missing port"},
		{"tcp", Target{"unix", t.TempDir() + "/none"}, "no such file"},
	} {
		err := Probe(t.Context(), how(t, c.how), c.target, me)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c, err, c.want)
		}
	}
}

// Where no connection fits, the kernel finds the listener; that is nobody.
func TestTCPPeerIsNoListener(t *testing.T) {
	sock := listen(t, "tcp")
	local, err := net.ResolveTCPAddr("tcp", sock.address)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDiag()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	ino, err := d.tcpPeer(local, &net.TCPAddr{IP: local.IP, Port: 1})
	if ino != 0 || err != nil {
		t.Errorf("inode %d, %v; the listener's is %d", ino, err, sock.inode)
	}
}
