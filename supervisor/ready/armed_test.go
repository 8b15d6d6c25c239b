package ready

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// initPy and initRb stand for 20 seconds of loading a big application.
const (
	initPy = "import os,socket,select,asyncio,threading\nos.write(5,b'x'); os.read(4,1)\n"
	initRb = "require 'socket'; IO.for_fd(5,'w').syswrite('x'); IO.for_fd(4,'r').sysread(1)\n"

	servePy = `
def serve(c):
    c.setblocking(True)
    c.recv(4096); c.sendall(b'HTTP/1.0 200 OK\r\n\r\nok'); c.close()
`
	sockPy  = "s=socket.socket(fileno=3)\n"
	serveRb = "s=TCPServer.for_fd(3); serve=->(c){ c.readpartial(4096); c.write(\"HTTP/1.0 200 OK\\r\\n\\r\\nok\"); c.close }\n"
)

func python(code string) []string { return []string{"python3", "-c", code} }
func ruby(code string) []string   { return []string{"ruby", "-e", code} }

func goProgram(role string) ([]string, string) {
	return []string{"/proc/self/exe"}, "READY_TEST_ROLE=" + role
}

// TestArmed starts one real server after the other, and looks at it while it
// initialises and when it serves.
func TestArmed(t *testing.T) {
	goArgv, goEnv := goProgram("go")
	_, goHTTP := goProgram("go-http")
	for _, c := range []struct {
		name    string
		network string
		argv    []string
		env     string
		want    string
	}{
		{name: "python accept", want: Accept, argv: python(initPy + servePy + sockPy + "while 1: serve(s.accept()[0])")},
		{name: "python accept unix", network: "unix", want: Accept, argv: python(initPy + servePy + sockPy + "while 1: serve(s.accept()[0])")},
		{name: "python accept in a thread", want: Accept, argv: python(initPy + servePy + sockPy + `
def loop():
    while 1: serve(s.accept()[0])
t=threading.Thread(target=loop); t.start(); t.join()`)},
		{name: "python accept with timeout", want: Poll, argv: python(initPy + servePy + sockPy + "s.settimeout(3600)\nwhile 1: serve(s.accept()[0])")},
		{name: "python select", want: Select, argv: python(initPy + servePy + sockPy + "while 1: select.select([4,s],[],[]); serve(s.accept()[0])")},
		{name: "python select, high fd", want: Select, argv: python(initPy + servePy + sockPy + "os.dup2(3,900); s.close(); s=socket.socket(fileno=900)\nwhile 1: select.select([4,s],[],[]); serve(s.accept()[0])")},
		{name: "python poll", want: Poll, argv: python(initPy + servePy + sockPy + "p=select.poll(); p.register(4); p.register(s)\nwhile 1: p.poll(); serve(s.accept()[0])")},
		{name: "python epoll", want: Epoll, argv: python(initPy + servePy + sockPy + "p=select.epoll(); p.register(s,1)\nwhile 1: p.poll(); serve(s.accept()[0])")},
		{name: "python epoll, registered fd closed", want: Epoll, argv: python(initPy + servePy + sockPy + "d=os.dup(3); p=select.epoll(); p.register(d,1); os.close(d)\nwhile 1: p.poll(); serve(s.accept()[0])")},
		{name: "python asyncio", want: Epoll, argv: python(initPy + servePy + sockPy + `
async def answer(r, w):
    await r.read(4096); w.write(b'HTTP/1.0 200 OK\r\n\r\nok'); await w.drain(); w.close()
async def main():
    async with await asyncio.start_server(answer, sock=s) as srv: await srv.serve_forever()
asyncio.run(main())`)},
		{name: "python recvfrom", network: "udp", want: Recv, argv: python(initPy + sockPy + "while 1:\n  b,a=s.recvfrom(4096); s.sendto(b'ok',a)")},
		{name: "ruby accept", want: Accept, argv: ruby(initRb + serveRb + "loop { serve.(s.accept) }")},
		{name: "ruby select", want: Select, argv: ruby(initRb + serveRb + "loop { IO.select([s, IO.for_fd(4,'r')]); serve.(s.accept_nonblock) }")},
		// The server is made first; the loop runs only after the initialisation.
		{name: "node", want: Epoll, argv: []string{"node", "-e", `
require('http').createServer((q,r)=>r.end('ok')).listen({fd:3});
const fs=require('fs'); fs.writeSync(5,'x'); fs.readSync(4,Buffer.alloc(1))`}},
		{name: "go accept", want: Epoll, argv: goArgv, env: goEnv},
		{name: "go accept unix", network: "unix", want: Epoll, argv: goArgv, env: goEnv},
		{name: "go http", want: Epoll, argv: goArgv, env: goHTTP},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sock := listen(t, c.network+map[bool]string{true: "tcp"}[c.network == ""])
			p := start(t, sock, c.argv, c.env)
			p.waitBegun()
			p.mustNotArmed(sock)
			p.proceed()
			p.mustArmed(sock, c.want)
			sock.mustAnswer(t)
			p.mustArmed(sock, c.want)
		})
	}
}

// A connection that arrives while a Go program initialises makes its socket
// "ready" in the runtime's eyes; still nobody accepts.
func TestArmedGoWithQueue(t *testing.T) {
	argv, env := goProgram("go")
	sock := listen(t, "tcp")
	p := start(t, sock, argv, env)
	p.waitBegun()
	for range 3 {
		sock.dial(t)
	}
	eventually(t, "be told of the connections", func() bool { return rgOf(t, p.pid(), sock) == 1 })
	p.mustNotArmed(sock)
}

// rgOf is what the Go runtime of a process has noted about the socket.
func rgOf(t *testing.T, pid int, sock *socket) (rg uint64) {
	t.Helper()
	dir, err := open(unix.AT_FDCWD, fmt.Sprint("/proc/", pid), unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	var l look
	l.reset(dir, []uint64{sock.inode})
	mem := lazyMem{dir: dir, fd: -1}
	defer mem.close()
	if err := l.findFDs(); err != nil || len(l.epolls) != 1 {
		t.Fatal(l.epolls, err)
	}
	l.eachLine("fdinfo/"+l.epolls[0], func(line []byte) bool {
		if tg, ok := parseTarget(line); ok && l.concerns(tg) {
			desc := make([]byte, 40)
			if g := goLayouts[0]; mem.read(desc, g.address(tg.data)) {
				rg, _ = g.rgOf(desc, tg)
			}
		}
		return true
	})
	return rg
}

// A Go program whose executable is not recognised counts as any other does.
func TestArmedGoUndecided(t *testing.T) {
	argv, env := goProgram("go")
	sock := listen(t, "tcp")
	p := start(t, sock, argv, env)
	p.waitBegun()
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &st); err != nil {
		t.Fatal(err)
	}
	p.mustNotArmed(sock) // and so known
	id := exeID{st.Dev, st.Ino, st.Ctim}
	setGo(id, false)
	defer setGo(id, true)
	p.mustArmed(sock, Epoll)
}

func setGo(id exeID, is bool) {
	exes.Lock()
	defer exes.Unlock()
	exes.isGo[id] = is
}

// A worker that does one request at a time is not armed while it works.
func TestArmedTellsIdleFromBusy(t *testing.T) {
	sock := listen(t, "tcp")
	p := start(t, sock, python(initPy+servePy+sockPy+"while 1: serve(s.accept()[0])"))
	p.waitBegun()
	p.proceed()
	p.mustArmed(sock, Accept)
	c := sock.dial(t)
	p.mustArmed(sock, "") // it reads our request, which does not come
	c.Close()
	p.mustArmed(sock, "accept")
}

// A poll that was stopped and continued is still a poll (restart_syscall).
func TestArmedAfterStopAndContinue(t *testing.T) {
	sock := listen(t, "tcp")
	p := start(t, sock, python(initPy+servePy+sockPy+"p=select.poll(); p.register(s)\nwhile 1: p.poll(); serve(s.accept()[0])"))
	p.waitBegun()
	p.proceed()
	p.mustArmed(sock, Poll)
	for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGCONT} {
		if err := unix.Kill(p.pid(), sig); err != nil {
			t.Fatal(err)
		}
		if sig == unix.SIGSTOP {
			if _, err := unix.Wait4(p.pid(), nil, unix.WUNTRACED, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.waitSleeping(unix.SYS_RESTART_SYSCALL)
	p.mustArmed(sock, Poll)
	sock.mustAnswer(t)
}

// A socket that is only watched for output, or of another inode, is nothing.
func TestArmedNotOurs(t *testing.T) {
	sock, other := listen(t, "tcp"), listen(t, "tcp")
	p := start(t, sock, python(initPy+sockPy+"p=select.epoll(); p.register(s,4)\nq=select.poll(); q.register(s,4); q.register(4)\nq.poll()"))
	p.waitBegun()
	p.proceed()
	p.waitSleeping(pollNumber())
	p.mustNotArmed(sock)
	p.mustNotArmed(other)
}

func pollNumber() int {
	if sysPoll > 0 {
		return sysPoll
	}
	return unix.SYS_PPOLL
}

func TestArmedIOUring(t *testing.T) {
	argv, env := goProgram("ring")
	sock := listen(t, "tcp")
	p := start(t, sock, argv, env)
	if p.waitBegun() == 'x' { // there are machines that forbid it
		p.mustNotArmed(sock)
		p.proceed()
		p.mustArmed(sock, IOUring)
	}
	l := look{rings: true}
	if got := l.waits(call{nr: unix.SYS_IO_URING_ENTER}, nil); got != IOUring {
		t.Errorf("a thread in io_uring_enter: %q", got)
	}
	l.rings = false
	if got := l.waits(call{nr: unix.SYS_IO_URING_ENTER}, nil); got != "" {
		t.Errorf("no ring: %q", got)
	}
}

func TestArmedGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{cmd.Process.Pid, 0, -1, 1 << 30} {
		if how, err := Armed(pid, []uint64{1}); how != "" || err != nil {
			t.Errorf("Armed(%d) = %q, %v", pid, how, err)
		}
	}
	if how, err := Armed(os.Getpid(), nil); how != "" || err != nil {
		t.Errorf("without sockets: %q, %v", how, err)
	}
}

func BenchmarkArmed(b *testing.B) {
	argv, env := goProgram("go")
	sock := listen(b, "tcp")
	p := start(b, sock, argv, env)
	p.waitBegun()
	p.proceed()
	p.mustArmed(sock, Epoll)
	inodes := []uint64{sock.inode}
	b.ReportAllocs()
	for b.Loop() {
		Armed(p.pid(), inodes)
	}
}
