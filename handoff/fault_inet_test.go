package handoff

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	helpers["listen"] = helperListen
	helpers["closed-stdio"] = helperClosedStdio
	helpers["l11"] = helperL11
	helpers["l12"] = helperL12
	helpers["l13"] = helperL13
}

// helperListen is another daemon on an address.
func helperListen(args []string) error {
	l, err := net.Listen(args[0], args[1])
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return untilStdinEnds()
}

func TestL1AddressInUse(t *testing.T) {
	c, address := startT(t, nil, "listen", "tcp", "127.0.0.1:0")
	owner := "pid " + strconv.Itoa(c.cmd.Process.Pid) + " ("
	err := refusedT(t, address, address, "address already in use", owner, "choose another address")
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.EADDRINUSE) || e.Hint == "" {
		t.Fatalf("%#v", err)
	}
	c.end(t)
	answeredT(t, openT(t, address))
}

func TestL2PortInTimeWait(t *testing.T) {
	l := openT(t, "127.0.0.1:0")
	client := dialT(t, l)
	server := acceptT(t, l)
	if err := unix.Shutdown(server, unix.SHUT_WR); err != nil { // the server's side ends first, so it keeps the TIME_WAIT
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Fatal("no end of file")
	}
	_ = client.Close()
	if _, err := unix.Read(server, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	waiting := l.Address()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	found := false
	_, port, _ := cutPort(waiting)
	n, _ := strconv.Atoi(port)
	eachLine("/proc/net/tcp", func(f []string) { // 06 is TIME_WAIT
		found = found || strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) && f[3] == "06"
	})
	if !found {
		t.Fatal("the port is not in TIME_WAIT, so this proves nothing")
	}
	answeredT(t, openT(t, waiting))
}

func TestB14StdioClosed(t *testing.T) {
	runT(t, "closed-stdio", nil)
}

func helperClosedStdio([]string) error {
	for fd := range 3 {
		_ = unix.Close(fd)
	}
	tcp, err := Open(context.Background(), Spec{Network: TCP, Address: "127.0.0.1:0", Options: Options{ReusePort: 4}})
	if err != nil {
		os.Exit(2)
	}
	_ = unix.Close(0) // whatever took it
	abstract, err := Open(context.Background(), Spec{Network: Unix, Address: "@handoff-b14-" + strconv.Itoa(os.Getpid())})
	if err != nil {
		os.Exit(3)
	}
	for _, fd := range append(tcp.FDs(), abstract.FDs()...) {
		if fd < 3 {
			os.Exit(4)
		}
	}
	for fd := range 3 {
		if _, err := inodeOf(fd); err == nil {
			os.Exit(5)
		}
	}
	return nil
}

func TestL11PrivilegeAndAddress(t *testing.T) { inNetT(t, "l11") }

func helperL11([]string) error {
	if err := ip("link", "set", "lo", "up"); err != nil {
		return err
	}
	if err := wantRefused("192.0.2.1:8080", unix.EADDRNOTAVAIL, "this host has no such address"); err != nil {
		return err
	}
	if err := wantRefused("[2001:db8::1]:8080", unix.EADDRNOTAVAIL, "this host has no such address"); err != nil {
		return err
	}
	if err := wantRefused("127.0.0.1:8080,device=nope0", unix.ENODEV, "no such network device"); err != nil {
		return err
	}
	l, err := Open(context.Background(), Spec{Network: TCP, Address: "192.0.2.1:8080", Options: Options{FreeBind: true}})
	if err != nil {
		return fmt.Errorf("freebind: %w", err)
	}
	_ = l.Close()
	if err := becomeNobody(); err != nil {
		return err
	}
	return wantRefused("127.0.0.1:80", unix.EACCES, "CAP_NET_BIND_SERVICE")
}

func wantRefused(text string, errno error, words string) error {
	s, err := ParseSpec(text)
	if err != nil {
		return err
	}
	l, err := Open(context.Background(), s)
	if err == nil {
		_ = l.Close()
		return fmt.Errorf("%s was opened", text)
	}
	if !errors.Is(err, errno) || !strings.Contains(err.Error(), words) {
		return fmt.Errorf("the error of %s is not %w with %q: %w", text, errno, words, err)
	}
	return nil
}

func TestL12SideBySide(t *testing.T) { inNetT(t, "l12") }

// helperL12 opens rows of addresses beside each other. A row that starts with ! must fail at its last.
func helperL12([]string) error {
	if err := ip("link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, row := range []string{
		"[::]:8001,ipv6only 0.0.0.0:8001",
		"0.0.0.0:8001 [::]:8001,ipv6only",
		"! [::]:8001 0.0.0.0:8001",
		"! :8001 127.0.0.1:8001",
		"! 127.0.0.1:8001,ipv6only",
		"127.0.0.1:8001 [::1]:8001 127.0.0.2:8001",
		"udp:127.0.0.1:8001 tcp:127.0.0.1:8001",
		"! udp:127.0.0.1:8001 udp:127.0.0.1:8001",
		"! udp:127.0.0.1:8001,reuseport=2 udp:127.0.0.1:8001,reuseport=2",
		"unix:@x unixgram:@x tcp:8001 udp:8001",
		"! unix:@x unix:@x",
	} {
		if err := sideBySide(row); err != nil {
			return fmt.Errorf("%s: %w", row, err)
		}
	}
	return nil
}

func sideBySide(row string) error {
	texts, fails := strings.CutPrefix(row, "! ")
	words := strings.Fields(texts)
	for i, text := range words {
		s, err := ParseSpec(text)
		if err != nil {
			return err
		}
		l, err := Open(context.Background(), s)
		if last := i == len(words)-1; fails && last {
			if err == nil {
				_ = l.Close()
				return errors.New("the last was opened")
			}
			return nil
		}
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := dial(l)
		if err != nil {
			return err
		}
		_ = c.Close()
	}
	return nil
}

func TestL13AddressVanishes(t *testing.T) { inNetT(t, "l13") }

func helperL13([]string) error {
	if err := errors.Join(ip("link", "set", "lo", "up"), ip("address", "add", "192.0.2.1/32", "dev", "lo")); err != nil {
		return err
	}
	gone, err1 := Open(context.Background(), Spec{Network: TCP, Address: "192.0.2.1:8001"})
	stays, err2 := Open(context.Background(), Spec{Network: TCP, Address: "127.0.0.1:8001"})
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	w, err := NewWatch([]*Listener{stays, gone})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := ip("address", "del", "192.0.2.1/32", "dev", "lo"); err != nil {
		return err
	}
	select {
	case trouble := <-w.C():
		if trouble.Listener != gone {
			return fmt.Errorf("trouble with %s", trouble.Listener.Address())
		}
	case <-time.After(patience):
		return errors.New("the watch did not tell")
	}
	if _, err := gone.Repair(); err == nil || !strings.Contains(err.Error(), "lost the address") {
		return fmt.Errorf("repair says %w", err)
	}
	if m, err := stays.Repair(); err != nil || len(m) > 0 {
		return fmt.Errorf("the other listener: %v, %w", m, err)
	}
	if err := ip("address", "add", "192.0.2.1/32", "dev", "lo"); err != nil {
		return err
	}
	for _, l := range []*Listener{gone, stays} {
		c, err := dial(l)
		if err != nil {
			return err
		}
		_ = c.Close()
	}
	_, err = gone.Repair()
	return err
}
