package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A keeper is the parent of all processes of one story: this test binary, run again. It is a subreaper, so whatever a story
// starts, however it daemonises, is below the keeper, and what is below it at the end was left behind. It is told what to do by
// lines of JSON on fd 3 and answers on fd 4; when fd 3 ends, because the test does, it kills everything and goes.

const keeperEnv = "HERDER_E2E_KEEPER"

// order asks the keeper to start a process.
type order struct {
	Argv, Env, Files []string // Files: paths of fd 0, 1, 2; "" is /dev/null
	Dir              string
}

// news is what the keeper says: a process was started (in the order of the orders), or one of its children has ended.
type news struct {
	Started int
	Error   string
	Ended   int
	Status  int
}

// keep is the keeper's main function.
func keep() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	k := &keeper{out: json.NewEncoder(os.NewFile(4, "news"))}
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go func() {
		for range children {
			k.reap()
		}
	}()
	for in := json.NewDecoder(os.NewFile(3, "orders")); ; {
		var o order
		if err := in.Decode(&o); err != nil {
			break
		}
		k.start(o)
	}
	k.end()
}

type keeper struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (k *keeper) start(o order) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var files []uintptr
	for i, path := range o.Files {
		flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
		if path == "" {
			path = os.DevNull
		}
		if i == 0 {
			flags = os.O_RDONLY
		}
		f, err := os.OpenFile(path, flags, 0o644)
		if err != nil {
			_ = k.out.Encode(news{Error: err.Error()})
			return
		}
		defer f.Close()
		files = append(files, f.Fd())
	}
	attr := &syscall.ProcAttr{Dir: o.Dir, Env: o.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true}}
	pid, err := syscall.ForkExec(o.Argv[0], o.Argv, attr)
	n := news{Started: pid}
	if err != nil {
		n = news{Error: fmt.Sprintf("cannot start %s: %v", o.Argv[0], err)}
	}
	_ = k.out.Encode(n)
}

func (k *keeper) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err != nil || pid <= 0 {
			return
		}
		k.mu.Lock()
		_ = k.out.Encode(news{Ended: pid, Status: int(status)})
		k.mu.Unlock()
	}
}

// end kills what is below the keeper until nothing is.
func (k *keeper) end() {
	for range 1000 {
		below := descendants(os.Getpid())
		if len(below) == 0 {
			return
		}
		for _, pid := range below {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		k.reap()
		time.Sleep(10 * time.Millisecond)
	}
}

// nursery is the test's side of a keeper.
type nursery struct {
	pid     int
	orders  *os.File
	started chan news
	gone    chan struct{} // closed when the keeper has said its last word
	mu      sync.Mutex
	ended   map[int]syscall.WaitStatus
}

func newNursery(t testing.TB) *nursery {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	newsR, newsW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	process, err := os.StartProcess(self, []string{"keeper"}, &os.ProcAttr{
		Env:   append(os.Environ(), keeperEnv+"=1"),
		Files: []*os.File{null, os.Stdout, os.Stderr, ordersR, newsW},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = ordersR.Close()
	_ = newsW.Close()
	n := &nursery{pid: process.Pid, orders: ordersW, started: make(chan news), gone: make(chan struct{}), ended: map[int]syscall.WaitStatus{}}
	go n.listen(newsR)
	t.Cleanup(func() {
		_ = ordersW.Close()
		<-n.gone
		_, _ = process.Wait()
	})
	return n
}

func (n *nursery) listen(from *os.File) {
	defer close(n.gone)
	defer from.Close()
	for in := json.NewDecoder(bufio.NewReader(from)); ; {
		var said news
		if err := in.Decode(&said); err != nil {
			if err != io.EOF {
				fmt.Fprintln(os.Stderr, "keeper:", err)
			}
			return
		}
		if said.Ended == 0 {
			n.started <- said
			continue
		}
		n.mu.Lock()
		n.ended[said.Ended] = syscall.WaitStatus(said.Status)
		n.mu.Unlock()
	}
}

// start starts a process below the keeper.
func (n *nursery) start(o order) (pid int, err error) {
	text, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	if _, err := n.orders.Write(append(text, '\n')); err != nil {
		return 0, err
	}
	select {
	case said := <-n.started:
		if said.Error != "" {
			return 0, fmt.Errorf("%s", said.Error)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return said.Started, nil
	case <-n.gone:
		return 0, fmt.Errorf("the keeper is gone")
	}
}

// status says whether a process that was started has ended, and how.
func (n *nursery) status(pid int) (syscall.WaitStatus, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	status, ended := n.ended[pid]
	return status, ended
}
