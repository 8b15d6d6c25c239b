package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve starts the demo's worker inside of the test.
func serve(t *testing.T) (w *demoServer, left chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	w = &demoServer{listener: l, log: log, suffix: " 1 0 99\n", open: map[net.Conn]bool{}}
	w.all.Add(1)
	go w.accept()
	left = make(chan struct{})
	return w, left
}

type talker struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func connect(t *testing.T, w *demoServer) talker {
	t.Helper()
	c, err := net.Dial("tcp", w.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return talker{t, c, bufio.NewReader(c)}
}

func (c talker) ask(id int, more string) (head, body string) {
	c.t.Helper()
	fmt.Fprintf(c.conn, "GET /?id=%d HTTP/1.1\r\nHost: x\r\n%s\r\n", id, more)
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("request %d: %v", id, err)
		}
		if line == "\r\n" {
			break
		}
		head += line
	}
	body, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("request %d: %v", id, err)
	}
	return head, body
}

func (c talker) ended() bool {
	_, err := c.in.ReadByte()
	return err != nil
}

func TestDemoWorker(t *testing.T) {
	w, left := serve(t)
	kept, shot, mute := connect(t, w), connect(t, w), connect(t, w)
	for id := range 3 {
		if head, body := kept.ask(id, ""); body != fmt.Sprintf("%d 1 0 99\n", id) || !strings.Contains(head, "Connection: keep-alive") {
			t.Errorf("%s%s", head, body)
		}
	}
	if head, _ := shot.ask(3, "connection:  Close\r\n"); !strings.Contains(head, "Connection: close") || !shot.ended() {
		t.Errorf("one shot: %s", head)
	}
	mute.conn.Close()
	go func() { w.leave(); close(left) }()
	for deadline := time.Now().Add(patience); !w.leaving.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not leave")
		}
	}
	if head, body := kept.ask(4, ""); body != "4 1 0 99\n" || !strings.Contains(head, "Connection: close") || !kept.ended() {
		t.Errorf("the last one: %s%s", head, body)
	}
	<-left
	log, err := os.ReadFile(w.log.Name())
	if want := "0 1 0 99\n1 1 0 99\n2 1 0 99\n3 1 0 99\n4 1 0 99\n"; err != nil || string(log) != want {
		t.Errorf("log: %q, %v", log, err)
	}
}

func TestDemoWorkerClosesOnNonsense(t *testing.T) {
	w, left := serve(t)
	for _, text := range []string{"\n\n", "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 100), "x"} {
		c := connect(t, w)
		fmt.Fprint(c.conn, text)
		_ = c.conn.(*net.TCPConn).CloseWrite()
		for !c.ended() {
			continue
		}
	}
	go func() { w.leave(); close(left) }()
	<-left
}
