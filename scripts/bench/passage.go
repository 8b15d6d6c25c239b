package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// passage measures upgrades of one idle worker, each next to a bare start of the same worker with its socket ready.
func (b *bench) passage() error {
	h, err := b.start(order{network: "tcp", workers: 1, program: workerProgram})
	if err != nil {
		return err
	}
	defer h.end()
	spawner, err := proc.NewSpawner()
	if err != nil {
		return err
	}
	defer spawner.Close()
	var bare, first, gone times
	for i := range b.runs {
		bared, err := b.bareStart(spawner)
		if err != nil {
			return err
		}
		f, g, err := h.pass(i + 1)
		if err != nil {
			return err
		}
		bare, first, gone = append(bare, bared), append(first, f), append(gone, g)
	}
	const limit = 10 * time.Millisecond
	if over := first.over(bare); b.asked("upgrade") {
		row("SIGUSR2 → first answer of the new generation, over the same worker started bare", "+10 ms",
			fmt.Sprintf("%v (upgrade %v, bare %v)", more(over), first, bare), over.median() <= limit, b.runs)
	}
	if over := gone.over(first); b.asked("gone") {
		row("SIGUSR2 → last old worker gone, over the first answer", "+10 ms", more(over).String(), over.median() <= limit, b.runs)
	}
	return h.stop()
}

// pass upgrades from the given generation to the next.
func (h *herd) pass(from int) (first, gone time.Duration, err error) {
	s, err := h.await(from)
	if err != nil {
		return 0, 0, err
	}
	old, err := proc.Open(s.Serving.Workers[0].PID)
	if err != nil {
		return 0, 0, err
	}
	defer old.Close()
	if err := h.bench.pause(50 * time.Millisecond); err != nil { // the bare worker's end, the last upgrade's last moves
		return 0, 0, err
	}
	asked := time.Now()
	left := make(chan error, 1)
	go func() {
		err := death(old)
		gone = time.Since(asked)
		left <- err
	}()
	err = h.signal(unix.SIGUSR2)
	for generation := 0; generation != from+1 && err == nil; {
		generation, err = probe(h.network, h.address)
		if err == nil && time.Since(asked) > patience {
			err = fmt.Errorf("generation %d does not answer; herder says: %s", from+1, h.said())
		}
		first = time.Since(asked)
		time.Sleep(100 * time.Microsecond) // leave the two of them the processor
	}
	if deathErr := <-left; err == nil {
		err = deathErr
	}
	return first, gone, err
}

// death waits until a process is dead; a pidfd is readable from that moment on (pidfd_open(2)).
func death(p *proc.Process) error {
	fds := []unix.PollFd{{Fd: int32(p.FD()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		n, err := unix.Poll(fds, 1000)
		if n > 0 {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return err
		}
	}
	return fmt.Errorf("process %d is still there", p.Ref().PID)
}

// bareStart starts the worker with a socket of its own and waits for the answer to a request that queued before.
func (b *bench) bareStart(spawner *proc.Spawner) (time.Duration, error) {
	fd, address, err := listen()
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	answered := make(chan error, 1)
	began := time.Now()
	p, err := spawner.Spawn(proc.Spec{
		Path: b.path(workerProgram), Env: append(os.Environ(), "LISTEN_FDS=1"), Files: []int{-1, 1, 2, fd}, ListenPID: true, Umask: -1,
	})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	go func() {
		_, err := probe("tcp", address)
		answered <- err
	}()
	err = <-answered
	took := time.Since(began)
	if killErr := p.Signal(unix.SIGKILL); err == nil {
		err = killErr
	}
	_, waitErr := unix.Wait4(p.Ref().PID, nil, 0, nil)
	if err == nil {
		err = waitErr
	}
	return took, err
}

// listen opens a socket as herder does: nonblocking, and no [net.Listener], whose File would make it blocking.
func listen() (fd int, address string, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, "", err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return -1, "", err
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), nil
}
