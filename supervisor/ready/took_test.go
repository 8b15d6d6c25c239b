package ready

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// another makes a socket in this process by hand, and returns how Foreign writes it.
func another(t *testing.T, family, kind, protocol int, at unix.Sockaddr) (fd int, address string) {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return fd, fmt.Sprintf("%s:%d", net.IP(name.Addr[:]), name.Port)
	case *unix.SockaddrInet6:
		return fd, fmt.Sprintf("[%s]:%d", net.IP(name.Addr[:]), name.Port)
	case *unix.SockaddrUnix:
		return fd, "unix:" + name.Name
	}
	t.Fatalf("an address of type %T", name)
	return 0, ""
}

// A socket is foreign when it listens, and only then.
func TestForeign(t *testing.T) {
	loopback, loopback6 := [4]byte{127, 0, 0, 1}, [16]byte{15: 1}
	path := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		name                   string
		family, kind, protocol int
		at                     unix.Sockaddr
	}{
		{"tcp", unix.AF_INET, unix.SOCK_STREAM, 0, &unix.SockaddrInet4{Addr: loopback}},
		{"tcp on all addresses", unix.AF_INET, unix.SOCK_STREAM, 0, &unix.SockaddrInet4{}},
		{"tcp6", unix.AF_INET6, unix.SOCK_STREAM, 0, &unix.SockaddrInet6{Addr: loopback6}},
		{"tcp6 on all addresses", unix.AF_INET6, unix.SOCK_STREAM, 0, &unix.SockaddrInet6{}},
		{"mptcp", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, &unix.SockaddrInet4{Addr: loopback}},
		{"unix", unix.AF_UNIX, unix.SOCK_STREAM, 0, &unix.SockaddrUnix{Name: path}},
		{"abstract", unix.AF_UNIX, unix.SOCK_STREAM, 0, &unix.SockaddrUnix{Name: "@herder-test-" + fmt.Sprint(os.Getpid())}},
		{"seqpacket", unix.AF_UNIX, unix.SOCK_SEQPACKET, 0, &unix.SockaddrUnix{Name: path + "2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours := listen(t, "tcp") // without it in the list, it would be found, too
			fd, address := another(t, c.family, c.kind, c.protocol, c.at)
			mustForeign(t, []uint64{ours.inode})
			if err := unix.Listen(fd, 1); err != nil {
				t.Fatal(err)
			}
			mustForeign(t, []uint64{ours.inode}, address)
			mustForeign(t, nil, address, ours.address)
		})
	}
}

func list(t *testing.T) Listeners {
	t.Helper()
	all, err := ListListeners()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustForeign(t *testing.T, ours []uint64, want ...string) {
	t.Helper()
	got, err := list(t).Foreign([]int{os.Getpid()}, ours)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Foreign = %q, %v, want %q", got, err, want)
	}
}

// All processes of a tree are looked at; one that is gone holds nothing.
func TestForeignOfATree(t *testing.T) {
	p := start(t, listen(t, "tcp"), python("import socket,os\ns=socket.create_server(('127.0.0.1',0))\nos.write(5,b'x'); os.read(4,1)"))
	p.waitBegun()
	pids := []int{1 << 22, p.pid()} // the first is beyond any pid (proc(5), pid_max)
	got, err := list(t).Foreign(pids, nil)
	if err != nil || len(got) != 2 {
		t.Errorf("Foreign = %q, %v, want the one it was given and its own", got, err)
	}
	p.kill()
	if got, err := list(t).Foreign(pids, nil); got != nil || err != nil {
		t.Errorf("Foreign = %q, %v of the dead", got, err)
	}
}

// A name can be anything, the reason must be one line.
func TestForeignNamesArePrintable(t *testing.T) {
	fd, _ := another(t, unix.AF_UNIX, unix.SOCK_STREAM, 0, &unix.SockaddrUnix{Name: "@a\x00\nb" + fmt.Sprint(os.Getpid())})
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	mustForeign(t, nil, fmt.Sprintf("unix:@a\ufffd\ufffdb%d", os.Getpid()))
}

// A reason stays short.
func TestListed(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "a b c": "a, b, c", "a b c d e": "a, b, c, 2 more"} {
		if got := Listed(strings.Fields(in)); got != want {
			t.Errorf("%q is listed as %q, want %q", in, got, want)
		}
	}
}

// A connection counts from accept to close, whatever its client does; the client's
// end of it does not, nor what waits to be accepted.
func TestAccepted(t *testing.T) {
	for _, network := range []string{"tcp", "tcp6", "tcp6 only", "unix"} {
		t.Run(network, func(t *testing.T) {
			sock := listen(t, network)
			mustAccepted(t, sock, false)
			client := sock.dial(t)
			mustAccepted(t, sock, false)
			fd, _, err := unix.Accept4(int(sock.file.Fd()), unix.SOCK_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			mustAccepted(t, sock, true)
			if err := client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			mustAccepted(t, sock, true)
			unix.Close(fd)
			mustAccepted(t, sock, false)
		})
	}
}

// It is said which of the processes holds one.
func TestAcceptedByWhom(t *testing.T) {
	sock := listen(t, "tcp")
	p := start(t, sock, python("import socket,os\nc=socket.socket(fileno=3).accept()\nos.write(5,b'x'); os.read(4,1)"))
	sock.dial(t)
	p.waitBegun()
	got, err := list(t).Accepted([]int{os.Getpid(), 1 << 22, p.pid()}, []uint64{sock.inode})
	if err != nil || !slices.Equal(got, []int{p.pid()}) {
		t.Errorf("Accepted = %v, %v, want the program %d", got, err, p.pid())
	}
}

// One request after the other, each shorter than the kernel takes for its list of connections: they are seen.
func TestHeldWhileTheListIsMade(t *testing.T) {
	const number = 100
	held, before := holders{}, holders{}
	pids := []int{os.Getpid()}
	if err := before.look(pids); err != nil {
		t.Fatal(err)
	}
	err := held.lookDuring(pids, func() error {
		for range number {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			time.Sleep(2 * lookEvery) // the request
			unix.Close(fd)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen := len(held) - len(before); seen < number/10 {
		t.Errorf("%d of %d were seen", seen, number)
	}
}

// What goes wrong meanwhile is told.
func TestLookDuringFails(t *testing.T) {
	failed := errors.New("no list")
	if err := (holders{}).lookDuring(nil, func() error { return failed }); err != failed {
		t.Error(err)
	}
}

// A connection of another listener is none of ours: not at another port or address,
// nor at a path that was ours.
func TestAcceptedElsewhere(t *testing.T) {
	sock := listen(t, "tcp")
	_, port, _ := net.SplitHostPort(sock.address)
	for _, at := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"tcp", "127.0.0.2:" + port}} {
		connected(t, at.network, at.address)
		mustAccepted(t, sock, false)
	}
	sock = listen(t, "unix")
	if err := os.Remove(sock.address); err != nil {
		t.Fatal(err)
	}
	connected(t, "unix", sock.address)
	mustAccepted(t, sock, false)
}

// connected makes a listener and holds a connection of it.
func connected(t *testing.T, network, address string) {
	t.Helper()
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	ln, err := config.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial(network, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close(); client.Close(); server.Close() })
}

func mustAccepted(t *testing.T, sock *socket, want bool) {
	t.Helper()
	got, err := list(t).Accepted([]int{os.Getpid()}, []uint64{sock.inode})
	if err != nil || slices.Equal(got, []int{os.Getpid()}) != want || len(got) > 1 {
		t.Errorf("Accepted = %v, %v, want ourselves: %t", got, err, want)
	}
}

// An MPTCP listener of a service manager gives MPTCP connections, and others TCP.
func TestAcceptedMPTCP(t *testing.T) {
	fd, address := another(t, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err := unix.Listen(fd, 2); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	sock := &socket{inode: st.Ino}
	for _, multipath := range []bool{true, false} {
		d := net.Dialer{}
		d.SetMultipathTCP(multipath)
		client, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		mustAccepted(t, sock, false)
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		mustAccepted(t, sock, true)
		unix.Close(conn)
	}
}

// A listener that cannot be seen (it was shut down, or is in another network
// namespace) is an error, not a no.
func TestAcceptedFromNowhere(t *testing.T) {
	listen(t, "tcp") // a socket to be asked about
	if _, err := list(t).Accepted([]int{os.Getpid()}, []uint64{1}); err == nil || !strings.Contains(err.Error(), "none of the sockets listens") {
		t.Errorf("error %v", err)
	}
}

// Whatever the kernel answers, taking it apart ends, and stays within its bounds.
func FuzzDump(f *testing.F) {
	message := func(kind uint16, seq uint32, body ...byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_MULTI)
		b = binary.NativeEndian.AppendUint32(b, seq)
		return append(binary.NativeEndian.AppendUint32(b, 0), body...)
	}
	f.Add(append(message(unix.SOCK_DIAG_BY_FAMILY, 1, 1, 2, 3, 4), message(unix.NLMSG_DONE, 1, 0, 0, 0, 0)...))
	f.Add(message(unix.NLMSG_ERROR, 1, 0xff, 0xff, 0xff, 0xff))
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		seen := 0
		over, err := (&diag{seq: 1}).part(b, func(msg []byte) {
			seen += unix.NLMSG_HDRLEN + len(msg)
			attribute(msg, attrName)
		})
		if seen > len(b) || (err != nil && !over) {
			t.Errorf("%d bytes of %d, over %t, %v", seen, len(b), over, err)
		}
	})
}
