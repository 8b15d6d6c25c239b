package master

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// workers are what this test binary can be as a worker.
var workers = map[string]func() error{
	"serve":     serve,
	"http":      serveHTTP,
	"elsewhere": elsewhere,
	"beat":      beat,
	"babble":    babble,
	"environ":   environ,
}

// untilTold waits for TERM.
func untilTold() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGTERM)
	<-c
}

func notify(text string) error {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(text))
	return err
}

// serve answers on the inherited socket with who it is.
func serve() error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s.%s %d", os.Getenv("HERDER_GENERATION"), os.Getenv("HERDER_WORKER"), os.Getpid())
			c.Close()
		}
	}()
	untilTold()
	return nil
}

// serveHTTP answers every request with nothing.
func serveHTTP() error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	untilTold()
	return nil
}

// answer reads a request to its end, as servers do: a probe that is answered before
// it has asked cannot see by whom.
func answer(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	for lines.Scan() && lines.Text() != "" {
	}
	fmt.Fprint(c, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
}

// elsewhere does not take the socket, and says that it is ready.
func elsewhere() error {
	unix.Close(3)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Fprintln(os.Stderr, l.Addr())
	if err := notify("READY=1"); err != nil {
		return err
	}
	untilTold()
	return nil
}

// beat says READY=1 and then WATCHDOG=1 as often as it should.
func beat() error {
	if err := notify("READY=1\nSTATUS=every " + os.Getenv("WATCHDOG_USEC")); err != nil {
		return err
	}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			_ = notify("WATCHDOG=1")
		}
	}()
	untilTold()
	return nil
}

// babble says everything that is not to be believed, and at last that it is ready.
func babble() error {
	for _, text := range []string{"", "\x00\xff", "READY", "READY=yes", strings.Repeat("x", 100_000), "=\n=\n=", "WATCHDOG=1", "STOPPING=0"} {
		_ = notify(text) // what is too long for the socket is refused by the kernel
	}
	if err := notify("EXTEND_TIMEOUT_USEC=30000000"); err != nil {
		return err
	}
	for range 2 {
		if err := notify("READY=1"); err != nil {
			return err
		}
	}
	untilTold()
	return nil
}

// environ writes what it was given into the files of its directory.
func environ() error {
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("pid=%d\nargv=%q\n%s\n", os.Getpid(), os.Args, strings.Join(os.Environ(), "\n"))
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil {
			text += fmt.Sprintf("fd %s -> %s\n", filepath.Base(fd), target)
		}
	}
	if err := os.WriteFile("environ", []byte(text), 0o600); err != nil {
		return err
	}
	if err := notify("READY=1"); err != nil {
		return err
	}
	untilTold()
	return nil
}
