package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/proc"
)

// goodLife is how long a worker must have been up to be replaced at once when it dies (package pool).
const goodLife = 1200 * time.Millisecond

// replacement measures from the SIGKILL of a worker to the first instruction of the one that replaces it.
func (b *bench) replacement() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	h, err := b.start(order{workers: 1, program: stampProgram, flags: []string{"--ready", "none"}, stdout: w})
	_ = w.Close()
	if err != nil {
		return err
	}
	defer h.end()
	_, pid, err := stamped(r)
	if err != nil {
		return err
	}
	var took times
	for range b.runs {
		if err := b.pause(goodLife); err != nil {
			return err
		}
		killed, err := monotonic()
		if err != nil {
			return err
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return err
		}
		var at time.Duration
		if at, pid, err = stamped(r); err != nil {
			return fmt.Errorf("no replacement: %w; herder says: %s", err, h.said())
		}
		took = append(took, at-killed)
	}
	row("SIGKILL of a worker → replacement exec'd", "5 ms", took.String(), took.median() <= 5*time.Millisecond, b.runs)
	return h.stop()
}

// stamped reads the next record of a stamp program.
func stamped(r *os.File) (at time.Duration, pid int, err error) {
	record := make([]byte, 24)
	_ = r.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(r, record); err != nil {
		return 0, 0, err
	}
	order := binary.NativeEndian
	return time.Duration(order.Uint64(record))*time.Second + time.Duration(order.Uint64(record[8:])), int(order.Uint64(record[16:])), nil
}

func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}

// spawning compares our way to start a process with a bare fork and exec of the same program, from the call until the
// program has ended and was waited for.
func (b *bench) spawning() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	spec, err := b.workerSpec(int(null.Fd()))
	if err != nil {
		return err
	}
	spawner, err := proc.NewSpawner()
	if err != nil {
		return err
	}
	defer spawner.Close()
	var ours, plain times
	runs := 10 * b.runs
	for range runs {
		d, err := lifetime(func() (int, error) {
			files := []uintptr{null.Fd(), null.Fd(), null.Fd()}
			return syscall.ForkExec(spec.Path, spec.Argv, &syscall.ProcAttr{Env: spec.Env, Files: files})
		})
		if err != nil {
			return err
		}
		plain = append(plain, d)
		d, err = lifetime(func() (int, error) {
			p, err := spawner.Spawn(spec)
			if err != nil {
				return 0, err
			}
			return p.Ref().PID, p.Close()
		})
		if err != nil {
			return err
		}
		ours = append(ours, d)
	}
	over := ours.over(plain)
	row("our own cost per spawn (LISTEN_PID, limits, user, umask, session), over a bare fork and exec", "1.5 ms",
		fmt.Sprintf("%v (ours %v, bare %v)", more(over), ours, plain), over.median() <= 1500*time.Microsecond, runs)
	return nil
}

// workerSpec is what a worker of a user of its own is started with.
func (b *bench) workerSpec(null int) (proc.Spec, error) {
	spec := proc.Spec{
		Path: b.path(stampProgram), Argv: []string{stampProgram, "exit"}, Env: append(os.Environ(), "LISTEN_FDS=1"),
		Dir: "/", Files: []int{null, null, null}, ListenPID: true, Umask: 0o022, Session: true,
		Rlimits: []proc.Rlimit{{Resource: unix.RLIMIT_NOFILE, Soft: 1024, Hard: 1024}, {Resource: unix.RLIMIT_CORE}},
	}
	if os.Geteuid() != 0 {
		return spec, errors.New("to take another user's identity needs root")
	}
	var err error
	spec.User, err = proc.LookupUser("nobody")
	return spec, err
}

func lifetime(start func() (pid int, err error)) (time.Duration, error) {
	began := time.Now()
	pid, err := start()
	if err != nil {
		return 0, err
	}
	var status unix.WaitStatus
	_, err = unix.Wait4(pid, &status, 0, nil)
	took := time.Since(began)
	if err == nil && status.ExitStatus() != 0 {
		err = fmt.Errorf("the program ended with %s", proc.Describe(status))
	}
	return took, err
}
