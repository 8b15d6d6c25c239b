package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// isRead is true when the peer of a connection has read all that was sent on it.
func isRead(t testing.TB, conn net.Conn) bool {
	t.Helper()
	if _, ok := conn.(*net.UnixConn); ok {
		return unread(t, conn.(syscall.Conn)) == 0 // unix(7): of a unix socket it is what the peer has not read
	}
	return peerRead(t, conn.LocalAddr().(*net.TCPAddr), conn.RemoteAddr().(*net.TCPAddr))
}

func unread(t testing.TB, conn syscall.Conn) (bytes int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 1 // closed: the answer has come
	}
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// peerRead looks at the other end of a loopback connection: it has an inode once it is accepted, and a queue of bytes that
// were not read (proc_net(5), tcp).
func peerRead(t testing.TB, local, remote *net.TCPAddr) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	want := procAddress(remote) + " " + procAddress(local)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[1]+" "+f[2] != want {
			continue
		}
		_, queue, _ := strings.Cut(f[4], ":")
		n, err := strconv.ParseInt(queue, 16, 64)
		return err == nil && n == 0 && f[9] != "0"
	}
	return false
}

func procAddress(a *net.TCPAddr) string {
	ip := a.IP.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], a.Port)
}
