package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/herderd/herder/supervisor/proc"
	"golang.org/x/sys/unix"
)

// losses upgrades again and again under load.
func (b *bench) losses() error {
	for _, network := range []string{"tcp", "unix"} {
		h, err := b.start(network, 4)
		if err != nil {
			return err
		}
		load := hammer.Start(context.Background(), hammer.Target{Network: network, Address: h.address, Log: b.log()})
		began := time.Now()
		for generation := 2; generation <= b.upgrades+1; generation++ {
			if err := h.Process.Signal(syscall.SIGUSR2); err != nil {
				return err
			}
			if _, err := h.await(generation); err != nil {
				return err
			}
		}
		took := time.Since(began)
		report := load.Stop()
		row(fmt.Sprintf("requests lost in %d upgrades under load, %s", b.upgrades, network),
			fmt.Sprintf("%d of %d (%d sent again), %s an upgrade", report.Lost(), report.Sent, report.Retried, ms(took/time.Duration(b.upgrades))), "0")
		if report.Lost() > 0 {
			fmt.Fprintln(os.Stderr, report)
		}
		if err := b.stop(h); err != nil {
			return err
		}
	}
	return nil
}

// passage measures an upgrade with idle workers, against the same worker started bare with its socket ready.
func (b *bench) passage() error {
	h, err := b.start("tcp", 1)
	if err != nil {
		return err
	}
	var bare, first, gone, over times
	for i := range b.runs {
		d, err := b.bareStart()
		if err != nil {
			return err
		}
		bare = append(bare, d)
		before, err := h.await(i + 1)
		if err != nil {
			return err
		}
		asked := time.Now()
		if err := h.Process.Signal(syscall.SIGUSR2); err != nil {
			return err
		}
		for generation := 0; generation != i+2; {
			if generation, _, err = ask(h.network, h.address); err != nil {
				return err
			}
		}
		first = append(first, time.Since(asked))
		old := before.Serving.Workers[0].PID
		if err := untilGone(old); err != nil {
			return err
		}
		gone = append(gone, time.Since(asked)-first[i])
		over = append(over, first[i]-d)
	}
	row("USR2 to the first answer of the new generation, over a bare start of the worker",
		fmt.Sprintf("+%s; upgrade %v, bare %v, %d runs", ms(over.median()), first, bare, b.runs), "+10 ms")
	row("USR2 to the last old worker gone, over the first answer", fmt.Sprintf("+%v, %d runs", gone, b.runs), "+10 ms")
	return b.stop(h)
}

// bareStart starts the worker with a socket of its own, and waits for its first answer: the connection waits in the queue.
func (b *bench) bareStart() (time.Duration, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	path := filepath.Join(b.dir, "bare")
	_ = os.Remove(path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return 0, err
	}
	if err := unix.Listen(fd, 16); err != nil {
		return 0, err
	}
	// The shell, which sets LISTEN_PID, is part of the time; it is measured and taken off.
	shell, err := spawn([]string{"/bin/sh", "-c", "exec /bin/true"}, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	pid, err := start([]string{"/bin/sh", "-c", "LISTEN_PID=$$ exec " + b.worker}, []string{"LISTEN_FDS=1"}, fd)
	if err != nil {
		return 0, err
	}
	_, _, err = ask("unix", path)
	took := time.Since(began)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	plain, perr := spawn([]string{"/bin/true"}, nil)
	if perr != nil {
		return 0, perr
	}
	return took - (shell - plain), err
}

func start(argv, env []string, fds ...int) (int, error) {
	files := []uintptr{0, 1, 2}
	for _, fd := range fds {
		files = append(files, uintptr(fd))
	}
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: append(os.Environ(), env...), Files: files})
}

// spawn measures fork, exec, exit and wait.
func spawn(argv, env []string) (time.Duration, error) {
	began := time.Now()
	pid, err := start(argv, env)
	if err != nil {
		return 0, err
	}
	_, err = syscall.Wait4(pid, nil, 0, nil)
	return time.Since(began), err
}

// spawning compares our way to start a process with a bare fork and exec of the same one.
func (b *bench) spawning() error {
	spawner, err := proc.NewSpawner()
	if err != nil {
		return err
	}
	defer spawner.Close()
	var bare, ours times
	nice := 0
	for range 10 * b.runs {
		d, err := spawn([]string{"/bin/true"}, nil)
		if err != nil {
			return err
		}
		bare = append(bare, d)
		began := time.Now()
		p, err := spawner.Spawn(proc.Spec{
			Path: "/bin/true", Argv: []string{"true"}, Env: append(os.Environ(), "LISTEN_FDS=1"), Dir: "/", Files: []int{0, 1, 2},
			ListenPID: true, Umask: 0o022, Nice: &nice, Session: true,
		})
		if err != nil {
			return err
		}
		if _, err := syscall.Wait4(p.Ref().PID, nil, 0, nil); err != nil {
			return err
		}
		ours = append(ours, time.Since(began))
		_ = p.Close()
	}
	row("our own cost per spawn (LISTEN_PID, umask, nice, session), over a bare fork and exec",
		fmt.Sprintf("+%s; ours %v, bare %v, %d runs", ms(ours.median()-bare.median()), ours, bare, 10*b.runs), "1.5 ms")
	return nil
}

// replacement measures from the SIGKILL of a worker to the exec of the next one.
func (b *bench) replacement() error {
	h, err := b.start("tcp", 1)
	if err != nil {
		return err
	}
	var took times
	for range b.runs {
		s, err := h.await(1)
		if err != nil {
			return err
		}
		old := s.Serving.Workers[0].PID
		// A worker that served for a while is replaced at once; one that dies young waits.
		time.Sleep(1200 * time.Millisecond)
		killed := time.Now()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			return err
		}
		for !b.replaced(s.Serving.Master.PID, old) {
			if time.Since(killed) > patience {
				return fmt.Errorf("worker %d was not replaced", old)
			}
		}
		took = append(took, time.Since(killed))
		if err := until(func() bool { now, err := h.status(); return err == nil && now.Serving.Workers[0].PID != old }); err != nil {
			return err
		}
	}
	row("SIGKILL of a worker to its replacement's exec", fmt.Sprintf("%v, %d runs", took, b.runs), "5 ms")
	return b.stop(h)
}

// replaced looks for a child of the master which is the worker's program.
func (b *bench) replaced(master, old int) bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", master))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, pid := range strings.Fields(string(text)) {
			exe, _ := os.Readlink("/proc/" + pid + "/exe")
			if pid != strconv.Itoa(old) && exe == b.worker {
				return true
			}
		}
	}
	return false
}

func untilGone(pid int) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return nil
		}
	}
	return fmt.Errorf("process %d is still there", pid)
}

// memory adds up the herder and the native master of four workers.
func (b *bench) memory() error {
	h, err := b.start("tcp", 4)
	if err != nil {
		return err
	}
	s, err := h.await(1)
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	pss, dirty := 0, 0
	for _, pid := range []int{h.Process.Pid, s.Serving.Master.PID} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return err
		}
		pss += field(string(text), "Pss:")
		dirty += field(string(text), "Private_Dirty:")
	}
	row("herder and native master, 4 workers: PSS, of it private dirty",
		fmt.Sprintf("%.1f MB, %.1f MB", float64(pss)/1024, float64(dirty)/1024), "11 MB, 4 MB")
	return b.stop(h)
}

// field reads a number behind a word at the beginning of a line.
func field(text, name string) int {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// idleness counts how often herder and master wake up while nothing happens.
func (b *bench) idleness() error {
	h, err := b.start("tcp", 4)
	if err != nil {
		return err
	}
	s, err := h.await(1)
	if err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	pids := []int{h.Process.Pid, s.Serving.Master.PID}
	before := switches(pids)
	time.Sleep(b.idle)
	row(fmt.Sprintf("herder and master idle for %s: voluntary context switches of all threads", b.idle),
		strconv.Itoa(switches(pids)-before), "10")
	return b.stop(h)
}

func switches(pids []int) (n int) {
	for _, pid := range pids {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			n += field(string(text), "voluntary_ctxt_switches:")
		}
	}
	return n
}
