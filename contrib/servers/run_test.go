package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
	"golang.org/x/sys/unix"
)

// patience is for a loaded machine; the slowest of these servers starts in two seconds on an idle one.
const patience = 2 * time.Minute

// listener is a socket as herder has it: bound at the path that clients use, with a second name to put that back.
type listener struct {
	network, address string
	keeper           string
	fd               int
	inode            uint64
}

func listen(t *testing.T, dir, network string, blocking bool) listener {
	t.Helper()
	l := listener{network: network}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	family := unix.AF_INET
	if network == "unix" {
		l.address, l.keeper = filepath.Join(dir, "socket"), filepath.Join(dir, "keeper")
		family, sa = unix.AF_UNIX, &unix.SockaddrUnix{Name: l.address}
	}
	var err error
	if l.fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(l.fd) })
	var st unix.Stat_t
	must(t, unix.SetNonblock(l.fd, !blocking))
	must(t, unix.Bind(l.fd, sa))
	must(t, unix.Listen(l.fd, 512))
	must(t, unix.Fstat(l.fd, &st))
	l.inode = st.Ino
	if network == "unix" {
		must(t, os.Chmod(l.address, 0o666))
		must(t, os.Link(l.address, l.keeper))
		return l
	}
	name, err := unix.Getsockname(l.fd)
	must(t, err)
	l.address = fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	return l
}

// release is a folder with all apps, which other users can read, for some servers change theirs.
func release(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "servers")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.CopyFS(dir, os.DirFS(".")))
	must(t, os.Chmod(dir, 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "tmp/pids"), 0o755))
	must(t, os.WriteFile(workerLog(dir), nil, 0o666))
	must(t, os.Chmod(workerLog(dir), 0o666))
	return dir
}

func workerLog(dir string) string { return filepath.Join(dir, "worker.log") }

// configure writes the address into the server's own configuration.
func (s server) configure(t *testing.T, dir string, l listener) {
	t.Helper()
	for _, e := range s.edits {
		text, err := os.ReadFile(filepath.Join(dir, e.file))
		must(t, err)
		written := e.tcp
		if l.network == "unix" {
			written = e.unix
		}
		changed := strings.ReplaceAll(string(text), e.was, strings.ReplaceAll(written, "@", l.address))
		if changed == string(text) {
			t.Fatalf("%s does not say %q", e.file, e.was)
		}
		must(t, os.WriteFile(filepath.Join(dir, e.file), []byte(changed), 0o644))
	}
}

// process is a master that runs, or a server that is its own.
type process struct {
	pid    int
	output string
	status string // "": it runs
}

// start runs a server with the listener as descriptor 3. The shell only sets LISTEN_PID: exec keeps its pid.
func (s server) start(t *testing.T, dir string, l listener, generation int) *process {
	t.Helper()
	// nginx sees no variables.
	must(t, os.WriteFile(filepath.Join(dir, "generation.conf"), fmt.Appendf(nil, "~. %d;\n", generation), 0o644))
	p := &process{output: filepath.Join(dir, fmt.Sprintf("output.%s.%d", s.argv[0][strings.LastIndex(s.argv[0], "/")+1:], generation))}
	output, err := os.Create(p.output)
	must(t, err)
	defer output.Close()
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	env := append(os.Environ(), fmt.Sprintf("HERDER_GENERATION=%d", generation), "WORKER_LOG="+workerLog(dir))
	argv := append([]string{"sh", "-c", `LISTEN_PID=$$; export LISTEN_PID; exec "$@"`, "sh"}, s.argv...)
	p.pid, err = syscall.ForkExec("/bin/sh", argv, &syscall.ProcAttr{
		Dir: dir, Env: append(env, s.environ(l)...), Sys: &syscall.SysProcAttr{Setpgid: true},
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd(), uintptr(l.fd)},
	})
	must(t, err)
	t.Cleanup(func() { p.cleanUp(t) })
	return p
}

// cleanUp kills what is left of the process group, workers without a master too.
func (p *process) cleanUp(t *testing.T) {
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	p.awaitExit(t)
	if text, err := os.ReadFile(p.output); t.Failed() && err == nil {
		t.Logf("%s:\n%s", filepath.Base(p.output), text[max(0, len(text)-1024):])
	}
}

func (p *process) ended() bool {
	var status unix.WaitStatus
	if p.status == "" {
		if pid, err := unix.Wait4(p.pid, &status, unix.WNOHANG, nil); pid == p.pid && err == nil {
			p.status = proc.Describe(status)
		}
	}
	return p.status != ""
}

func (p *process) awaitExit(t *testing.T) string {
	t.Helper()
	await(t, "the end of "+p.output, p.ended)
	return p.status
}

// awaitArmed waits until a process of the server waits on the listener. An answer would not do: another generation may
// have given it.
func (p *process) awaitArmed(t *testing.T, l listener) {
	t.Helper()
	await(t, "that a process of "+p.output+" waits on the listener", func() bool {
		if p.ended() {
			t.Fatalf("it ended: %s", p.status)
		}
		family, err := proc.Proc.Descendants(p.pid)
		if err != nil {
			return false // it changes while we look
		}
		for _, ref := range append(family, proc.Ref{PID: p.pid}) {
			if how, err := ready.Armed(ref.PID, []uint64{l.inode}); how != "" && err == nil {
				return true
			}
		}
		return false
	})
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
