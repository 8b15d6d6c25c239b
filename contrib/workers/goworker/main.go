// Command goworker is a small HTTP worker for herder in Go. What it promises on SIGTERM is what worker.py promises: a
// request that has begun or arrived is answered, a keep-alive connection gets its next answer with "Connection: close"
// (RFC 9112 section 9.6), a silent one is closed after WORKER_LINGER seconds.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := inherited()
	if err != nil {
		return err
	}
	w := &worker{empty: make(chan struct{}, 1)}
	w.suffix = fmt.Sprintf(" %s %s %d\n", env("HERDER_GENERATION", "0"), env("HERDER_WORKER", "0"), os.Getpid())
	if path := os.Getenv("WORKER_LOG"); path != "" {
		w.log, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
		if err != nil {
			return err
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	server := &http.Server{Handler: w, ConnState: w.count, ReadHeaderTimeout: time.Hour}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	<-stop
	w.draining.Store(true)
	_ = listener.Close()
	<-served // a connection that was accepted at this very moment is counted now
	w.leave(server)
	return nil
}

// inherited takes fd 3 if it was passed to this very process (sd_listen_fds(3)), or else the first one that start_server
// tells of (Server::Starter): "127.0.0.1:80=3;/path=4".
func inherited() (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") != "" {
		return listener(3)
	}
	first, _, _ := strings.Cut(os.Getenv("SERVER_STARTER_PORT"), ";")
	_, number, _ := strings.Cut(first, "=")
	if fd, err := strconv.ParseUint(number, 10, 16); err == nil {
		return listener(uintptr(fd))
	}
	return nil, fmt.Errorf("no socket was passed to me (LISTEN_FDS and LISTEN_PID, sd_listen_fds(3); SERVER_STARTER_PORT, Server::Starter)")
}

func listener(fd uintptr) (net.Listener, error) {
	file := os.NewFile(fd, "inherited socket")
	defer file.Close()
	return net.FileListener(file)
}

type worker struct {
	suffix   string
	log      *os.File
	draining atomic.Bool
	mu       sync.Mutex
	open     int
	empty    chan struct{}
}

func (w *worker) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	query := in.URL.Query()
	id := query.Get("id")
	if ms, err := strconv.Atoi(query.Get("sleep")); err == nil {
		time.Sleep(time.Duration(ms) * time.Millisecond)
	}
	if id == "" {
		id = "-"
	}
	line := id + w.suffix
	if w.log != nil && id != "-" {
		if _, err := w.log.WriteString(line); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
		}
	}
	if w.draining.Load() {
		out.Header().Set("Connection", "close")
	}
	out.Header().Set("Content-Type", "text/plain")
	out.Header().Set("Content-Length", strconv.Itoa(len(line)))
	_, _ = out.Write([]byte(line))
}

// count keeps the number of open connections.
func (w *worker) count(_ net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch state {
	case http.StateNew:
		w.open++
	case http.StateClosed, http.StateHijacked:
		w.open--
	}
	if w.open == 0 {
		select {
		case w.empty <- struct{}{}:
		default:
		}
	}
}

// leave waits for the connections. http.Server.Shutdown alone would close the idle ones at once, and with them a request
// on its way; so it comes only after the linger.
func (w *worker) leave(server *http.Server) {
	linger, _ := strconv.ParseFloat(env("WORKER_LINGER", "5"), 64)
	over := time.After(time.Duration(linger * float64(time.Second)))
	for w.busy() {
		select {
		case <-w.empty:
		case <-over:
			_ = server.Shutdown(context.Background())
			return
		}
	}
}

func (w *worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open > 0
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
