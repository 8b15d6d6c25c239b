package main

import (
	"bufio"
	"encoding/json"
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
)

const patience = time.Minute

// herd is a herder that runs.
type herd struct {
	*exec.Cmd
	socket  string
	network string
	address string
}

// start runs a herder with Go workers and waits until it serves.
func (b *bench) start(network string, workers int, flags ...string) (*herd, error) {
	run := filepath.Join(b.dir, "run")
	h := &herd{network: network, address: filepath.Join(b.dir, "app.sock"), socket: filepath.Join(run, "control.sock")}
	if network == "tcp" {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		h.address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	args := append([]string{"run", "--name", "bench", "--runtime-dir", run, "--bind", h.network + ":" + h.address,
		"--workers", strconv.Itoa(workers)}, flags...)
	h.Cmd = exec.Command(b.herder, append(args, "--", b.worker)...)
	h.Env = append(os.Environ(), "WORKER_LOG="+b.log())
	var err error
	if h.Stderr, err = os.Create(filepath.Join(b.dir, "stderr")); err != nil {
		return nil, err
	}
	if err := h.Start(); err != nil {
		return nil, err
	}
	_, err = h.await(1)
	return h, err
}

func (b *bench) log() string { return filepath.Join(b.dir, "worker.log") }

// stop ends the herder and forgets the log of its workers.
func (b *bench) stop(h *herd) error {
	_ = h.Process.Signal(syscall.SIGTERM)
	err := h.Wait()
	_ = os.Remove(b.log())
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// status is what is needed of `herder status -o json`.
type status struct {
	State   string
	Serving *struct {
		Generation int
		Master     struct{ PID int }
		Workers    []struct{ PID int }
	}
	Retiring []struct{ Generation int }
}

func (h *herd) status() (s status, err error) {
	conn, err := net.DialTimeout("unix", h.socket, patience)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, `{"v":1,"do":"status"}`); err != nil {
		return s, err
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return s, err
	}
	var reply struct{ Status status }
	err = json.Unmarshal(line, &reply)
	return reply.Status, err
}

// await waits until only this generation is there.
func (h *herd) await(generation int) (s status, err error) {
	err = until(func() bool {
		s, err = h.status()
		return err == nil && s.State == "serving" && s.Serving != nil && s.Serving.Generation == generation && len(s.Retiring) == 0
	})
	if err != nil {
		return s, fmt.Errorf("generation %d does not serve: %w", generation, err)
	}
	return s, nil
}

func until(done func() bool) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if done() {
			return nil
		}
	}
	return fmt.Errorf("not within %s", patience)
}

// ask returns the generation and the pid that answered on a new connection.
func ask(network, address string) (generation, pid int, err error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, 0, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return 0, 0, err
	}
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	var slot int
	_, err = fmt.Sscanf(body, "- %d %d %d", &generation, &slot, &pid)
	return generation, pid, err
}
