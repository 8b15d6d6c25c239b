package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/proc"
)

// patience bounds every wait.
const patience = time.Minute

// herd is a herder that runs.
type herd struct {
	bench   *bench
	cmd     *exec.Cmd
	exited  chan error
	dir     string // of this herd alone
	network string
	address string
}

// order says what to herd.
type order struct {
	network string   // tcp, unix; "" for a worker without a socket
	workers int      // 0: it is not said
	program string   // of ours
	argv    []string // instead of program
	flags   []string
	stdout  *os.File
}

// start runs a herder and waits until it serves. The caller ends it.
func (b *bench) start(o order) (*herd, error) {
	dir, err := os.MkdirTemp(b.dir, "h")
	if err != nil {
		return nil, err
	}
	h := &herd{bench: b, dir: dir, network: o.network, exited: make(chan error, 1)}
	args := []string{"run", "--name", "bench", "--runtime-dir", h.path("run")}
	if o.workers > 0 {
		args = append(args, "--workers", strconv.Itoa(o.workers))
	}
	switch o.network {
	case "tcp":
		args = append(args, "--bind", "127.0.0.1:0")
	case "unix":
		args = append(args, "--bind", "unix:"+h.path("app.sock"))
	}
	if o.argv == nil {
		o.argv = []string{b.path(o.program)}
	}
	args = append(append(append(args, o.flags...), "--"), o.argv...)
	log, err := os.Create(h.path("stderr"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	h.cmd = exec.Command(b.path(herderProgram), args...)
	h.cmd.Stderr = log
	if o.stdout != nil {
		h.cmd.Stdout = o.stdout
	}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C is for us alone
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { h.exited <- h.cmd.Wait() }()
	s, err := h.await(1)
	if err != nil {
		h.end()
		return nil, fmt.Errorf("%w; herder says: %s", err, h.said())
	}
	if len(s.Listeners) > 0 {
		h.address = strings.TrimPrefix(s.Listeners[0].Address, "unix:")
	}
	return h, nil
}

func (h *herd) path(name string) string { return filepath.Join(h.dir, name) }

// said is the end of what herder and its workers wrote to stderr.
func (h *herd) said() string {
	text, _ := os.ReadFile(h.path("stderr"))
	return string(text[max(0, len(text)-2000):])
}

func (h *herd) signal(sig syscall.Signal) error { return h.cmd.Process.Signal(sig) }

// stop ends the herder in the way its users do, and expects nothing to be left.
func (h *herd) stop() error {
	defer h.end()
	if err := h.signal(unix.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-h.exited:
		h.exited <- err
		if err != nil {
			return fmt.Errorf("herder: %w; it says: %s", err, h.said())
		}
	case <-time.After(patience):
		return errors.New("herder does not stop")
	}
	if left, _ := proc.Proc.Descendants(os.Getpid()); len(left) > 0 {
		return fmt.Errorf("herder left %d processes behind", len(left))
	}
	return nil
}

// end makes sure that herder and all below it are gone.
func (h *herd) end() {
	_ = h.signal(unix.SIGKILL)
	<-h.exited
	h.exited <- nil
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		left, err := proc.Proc.Descendants(os.Getpid())
		if err != nil || len(left) == 0 {
			return
		}
		for _, r := range left {
			if p, err := proc.OpenRef(r); err == nil {
				_ = p.Signal(unix.SIGKILL)
				_ = p.Close()
			}
			_, _ = unix.Wait4(r.PID, nil, unix.WNOHANG, nil)
		}
	}
}

// ask sends one request to the herder.
func (h *herd) ask(r control.Request) (control.Reply, error) {
	ctx, cancel := context.WithTimeout(h.bench.ctx, patience)
	defer cancel()
	return control.Call(ctx, h.path("run/control.sock"), r)
}

// upgrade waits until a new generation serves.
func (h *herd) upgrade() error {
	reply, err := h.ask(control.Request{Do: control.DoUpgrade})
	if err == nil && reply.Code != control.OK {
		err = fmt.Errorf("the upgrade ended with %d: %s", reply.Code, reply.Error)
	}
	return err
}

// await waits until this generation, whole, is the only one.
func (h *herd) await(generation int) (*control.Status, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case err := <-h.exited:
			h.exited <- err
			return nil, fmt.Errorf("herder ended: %v", err)
		default:
		}
		reply, err := h.ask(control.Request{Do: control.DoStatus})
		if s := reply.Status; err == nil && s != nil && s.State == "serving" && s.Serving != nil &&
			s.Serving.Generation == generation && len(s.Retiring) == 0 {
			return s, nil
		}
		if err := h.bench.pause(5 * time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("generation %d does not serve alone within %s", generation, patience)
}

// probe returns the generation that answers on a new connection.
func probe(network, address string) (generation int, err error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return 0, err
	}
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	_, err = fmt.Sscanf(body, "- %d", &generation)
	return generation, err
}
