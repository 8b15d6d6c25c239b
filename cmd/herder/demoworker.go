package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// demoWorker is the hidden command of the worker that `herder demo` herds: the
// smallest HTTP/1.1 server that keeps its word when it is asked to leave.
//
//  1. It accepts on fd 3 until TERM.
//  2. A request that has arrived is answered. A connection that is kept alive
//     gets "Connection: close" with its next answer (RFC 9112 section 9.6), and
//     may take lingerTime to send the request that goes with it.
//  3. It ends when its last connection has.
const demoWorker = "demo-worker"

const (
	lingerTime  = 5 * time.Second
	requestTime = 30 * time.Second
	maxHeader   = 64 // lines
)

// workerLog is the variable with the file to which each answer is written too.
const workerLog = "WORKER_LOG"

func demoWorkerMain() int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	w, err := newDemoServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, "herder: demo-worker: "+err.Error())
		return 1
	}
	go w.accept()
	<-stop
	w.leave()
	return 0
}

type demoServer struct {
	listener net.Listener
	log      *os.File
	suffix   string // of each answer
	leaving  atomic.Bool
	all      sync.WaitGroup // the accepting and each connection
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func newDemoServer() (*demoServer, error) {
	if os.Getenv("LISTEN_PID") != fmt.Sprint(os.Getpid()) {
		return nil, errors.New("no socket was passed to it; herder demo starts it")
	}
	f := os.NewFile(3, "listener")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on fd 3: %w", err)
	}
	w := &demoServer{listener: l, open: map[net.Conn]bool{}}
	w.suffix = fmt.Sprintf(" %s %s %d\n", os.Getenv("HERDER_GENERATION"), os.Getenv("HERDER_WORKER"), os.Getpid())
	if path := os.Getenv(workerLog); path != "" {
		if w.log, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
			return nil, err
		}
	}
	w.all.Add(1) // before anybody can wait
	return w, nil
}

func (w *demoServer) accept() {
	defer w.all.Done()
	for {
		conn, err := w.listener.Accept()
		switch {
		case err == nil:
			w.take(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default: // EMFILE and the like pass
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (w *demoServer) take(conn net.Conn) {
	w.mu.Lock()
	w.open[conn] = true
	w.mu.Unlock()
	w.all.Go(func() {
		defer conn.Close()
		w.talk(conn)
		w.mu.Lock()
		delete(w.open, conn)
		w.mu.Unlock()
	})
}

// leave is rules 2 and 3.
func (w *demoServer) leave() {
	w.leaving.Store(true)
	w.listener.Close() // ours only: the socket stays, and others accept from it
	w.mu.Lock()
	for conn := range w.open {
		_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	}
	w.mu.Unlock()
	w.all.Wait()
}

func (w *demoServer) talk(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		// In this order: leave says that it leaves and then sets deadlines, so
		// that one of the two has the last word whoever comes first.
		_ = conn.SetReadDeadline(time.Now().Add(requestTime))
		if w.leaving.Load() {
			_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
		}
		id, last, ok := request(in)
		if !ok {
			return
		}
		last = last || w.leaving.Load()
		if !w.answer(conn, id, last) || last {
			return
		}
	}
}

// request reads one: the number in GET /?id=N, and whether it is the last.
func request(in *bufio.Reader) (id string, last, ok bool) {
	first, err := in.ReadString('\n')
	if err != nil {
		return "", false, false
	}
	_, query, _ := strings.Cut(first, "?id=")
	id, _, _ = strings.Cut(query, " ")
	id, _, _ = strings.Cut(id, "&")
	for range maxHeader {
		header, err := in.ReadString('\n')
		if err != nil {
			return "", false, false
		}
		header = strings.TrimRight(header, "\r\n")
		if header == "" {
			return id, last, true
		}
		name, value, _ := strings.Cut(header, ":")
		if strings.EqualFold(name, "Connection") && strings.EqualFold(strings.TrimSpace(value), "close") {
			last = true
		}
	}
	return "", false, false
}

// answer logs first: what was answered was surely done.
func (w *demoServer) answer(conn net.Conn, id string, last bool) bool {
	line := id + w.suffix
	if w.log != nil {
		if _, err := w.log.WriteString(line); err != nil {
			return false
		}
	}
	kept := "keep-alive"
	if last {
		kept = "close"
	}
	_ = conn.SetWriteDeadline(time.Now().Add(requestTime))
	_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s", len(line), kept, line)
	return err == nil
}
