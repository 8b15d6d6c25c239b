package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/herderd/herder/contrib/hammer"
)

// stand is a server under herder, in a release folder of its own.
type stand struct {
	*story
	row              serverRow
	network, address string
	bound            *regexp.Regexp // how ss(8) shows herder's listener: a unix one by its private name, or its public one
	socket           string         // of the herder
	result           serverResult
	asked            int
}

func newStand(t *testing.T, r serverRow, network string) *stand {
	t.Helper()
	// Short enough for a unix socket, and other users may read it: some servers change theirs.
	dir, err := os.MkdirTemp("/tmp", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &stand{row: r, network: network, address: filepath.Join(dir, "app.sock"), socket: filepath.Join(dir, "run/control.sock")}
	s.story = &story{t: t, work: dir, nursery: newNursery(t), procs: map[string]*process{}}
	s.result = serverResult{server: r.server, kind: r.kindName(), network: network, version: r.saysVersion(t)}
	if network == "tcp" {
		s.address = ownAddress()
	}
	s.bound = regexp.MustCompile(`LISTEN +\d+ +(\d+) +` + regexp.QuoteMeta(filepath.Dir(s.address)) + `/\.?` + filepath.Base(s.address) + `\S* `)
	if network == "tcp" {
		s.bound = regexp.MustCompile(`LISTEN +\d+ +(\d+) +` + regexp.QuoteMeta(s.address) + ` `)
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
	})
	s.release()
	return s
}

// ownAddress is one that nobody else has.
func ownAddress() string {
	n := storyNumber.Add(1)
	return fmt.Sprintf("127.%d.%d.%d:8080", 1+os.Getpid()%200, n/200, 1+n%200)
}

// release is a folder with all apps and the server's configuration.
func (s *stand) release() {
	s.t.Helper()
	s.must(os.CopyFS(s.work, os.DirFS(filepath.Join(rootDir, "contrib/servers"))))
	s.must(os.Chmod(s.work, 0o755))
	s.must(os.MkdirAll(filepath.Join(s.work, "tmp/pids"), 0o755))
	s.must(os.WriteFile(s.log(), nil, 0o666))
	s.must(os.Chmod(s.log(), 0o666)) // whatever the umask
	s.configure(s.row.edits, s.network, s.address)
}

func (s *stand) configure(edits []edit, network, address string) {
	s.t.Helper()
	for _, e := range edits {
		path, written := filepath.Join(s.work, e.file), e.tcp
		if network == "unix" {
			written = e.unix
		}
		text, err := os.ReadFile(path)
		s.must(err)
		changed := strings.ReplaceAll(string(text), e.was, strings.ReplaceAll(written, "@", address))
		if changed == string(text) {
			s.t.Fatalf("%s does not say %q", e.file, e.was)
		}
		s.must(os.WriteFile(path, []byte(changed), 0o644))
	}
}

func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) log() string { return filepath.Join(s.work, "worker.log") }

// launch starts a program below the keeper, with its output in files.
func (s *stand) launch(name string, argv ...string) *process {
	s.t.Helper()
	p := &process{out: filepath.Join(s.work, name+".out"), err: filepath.Join(s.work, name+".err")}
	env := append(os.Environ(), "WORKER_LOG="+s.log())
	if race {
		env = append(env, "GORACE=atexit_sleep_ms=0 exitcode=66")
	}
	var err error
	p.pid, err = s.nursery.start(order{Argv: argv, Env: env, Dir: s.work, Files: []string{"", p.out, p.err}})
	s.must(err)
	s.procs[name], s.story.order = p, append(s.story.order, name)
	return p
}

// start runs herder, and returns when the first generation serves.
func (s *stand) start() {
	s.t.Helper()
	argv := []string{filepath.Join(binDir, "herder"), "run", "--name", "app", "--runtime-dir", filepath.Dir(s.socket)}
	p := s.launch("app", append(argv, s.row.argv(s.network, s.address)...)...)
	if !within(patience, func() bool { return s.ended(p) || settledAt(s.socket) }) || s.ended(p) {
		s.t.Fatal("no generation serves")
	}
}

func settledAt(socket string) bool {
	st, err := statusAt(socket)
	return err == nil && st.settled()
}

// backlogs are those that the kernel knows of herder's listener; there is one.
func (s *stand) backlogs() (all []string) {
	s.t.Helper()
	flags := map[string]string{"tcp": "-ltnH", "unix": "-lxnH"}[s.result.network]
	text, err := exec.Command("ss", flags).Output()
	s.must(err)
	for _, m := range s.bound.FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return all
}

// herder asks as a client, and returns how that ended and what it said.
func (s *stand) herder(args ...string) (code, words string) {
	s.t.Helper()
	s.asked++
	name := fmt.Sprintf("client%d", s.asked)
	p := s.launch(name, append([]string{filepath.Join(binDir, "herder"), args[0], "--socket", s.socket}, args[1:]...)...)
	code = s.exit(name)
	out, _ := os.ReadFile(p.out)
	err, _ := os.ReadFile(p.err)
	delete(s.procs, name)
	s.story.order = s.story.order[:len(s.story.order)-1]
	return code, string(out) + string(err)
}

// exit waits for the end of a process that was launched.
func (s *stand) exit(name string) string {
	s.t.Helper()
	p := s.procs[name]
	if !within(patience, func() bool { return s.ended(p) }) {
		s.t.Fatalf("%s does not end", name)
	}
	status, _ := s.nursery.status(p.pid)
	return exitText(status)
}

func (s *stand) status() herdStatus {
	s.t.Helper()
	st, err := statusAt(s.socket)
	s.must(err)
	return st
}

// await waits for a status.
func (s *stand) await(what string, holds func(herdStatus) bool) (st herdStatus) {
	s.t.Helper()
	if !within(patience, func() bool { st = s.status(); return holds(st) }) {
		s.t.Fatalf("waited in vain for %s: %s", what, st.text)
	}
	return st
}

// settled waits until nothing comes or goes.
func (s *stand) settled() herdStatus {
	s.t.Helper()
	return s.await("one generation that serves", herdStatus.settled)
}

func (st herdStatus) settled() bool {
	return st.Serving != nil && st.State == "serving" && st.Successor == nil && len(st.Retiring) == 0
}

func (st herdStatus) workers() (pids []int) {
	for _, w := range st.Serving.Workers {
		pids = append(pids, w.PID)
	}
	return pids
}

// up is the number of workers that serve.
func up(st herdStatus) (n int) {
	for _, w := range st.Serving.Workers {
		if w.State == "up" || w.State == "ready" {
			n++
		}
	}
	return n
}

// target is the server itself, or nginx in front of it. There each request of a connection may go to another process.
func (s *stand) target() hammer.Target {
	s.t.Helper()
	t := hammer.Target{Network: s.network, Address: s.address, Log: s.log(), First: numbers, Sleep: time.Millisecond, Timeout: patience,
		Connections: serverClients / 2, OneShot: serverClients / 2}
	if s.row.front {
		t.Network, t.Address, t.Connections, t.OneShot = "tcp", ownAddress(), 0, serverClients
		s.configure([]edit{{"nginx-php.conf", "127.0.0.1:8080", "@", "@"}}, "tcp", t.Address)
		s.launch("front", "/usr/sbin/nginx", "-p", ".", "-c", "nginx-php.conf")
		s.network, s.address = t.Network, t.Address // whom the request in flight is for
		if !within(patience, func() bool { _, err := request(t.Address, ""); return err == nil }) {
			s.t.Fatal("nothing answers through nginx")
		}
	}
	return t
}

// serverClients is how many requests can be in flight at once: twice as many as there are workers, which are never idle.
const serverClients = 4

func (s *stand) answered(h *hammer.Hammer, more int64) {
	s.t.Helper()
	until := h.Answered() + more
	if !within(patience, func() bool { return h.Answered() >= until }) {
		s.t.Fatalf("the hammer has %d answers, want %d", h.Answered(), until)
	}
}

// inFlight sends a request that takes a while, and returns when the server has read it.
func (s *stand) inFlight() (answer func() (string, error)) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if f := s.ask(); f.isRead(s.t) {
			return f.await
		}
	}
	s.t.Fatal("no request was seen in flight")
	return nil
}

// flight is a request under way.
type flight struct {
	conn net.Conn
	done chan struct{} // closed when body and err are there
	body string
	err  error
}

func (s *stand) ask() *flight {
	s.t.Helper()
	conn, err := net.Dial(s.network, s.address)
	s.must(err)
	s.must(conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET /?sleep=1500 HTTP/1.1\r\nHost: e2e\r\nConnection: close\r\n\r\n")
	s.must(err)
	f := &flight{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer conn.Close()
		var text []byte
		text, f.err = io.ReadAll(conn)
		_, f.body, _ = strings.Cut(string(text), "\r\n\r\n")
	}()
	return f
}

func (f *flight) await() (string, error) {
	<-f.done
	return f.body, f.err
}

// isRead waits until the server has read the request; false when the answer came before that was seen.
func (f *flight) isRead(t testing.TB) (read bool) {
	t.Helper()
	within(patience, func() bool {
		select {
		case <-f.done:
			return true
		default:
			read = isRead(t, f.conn)
			return read
		}
	})
	return read
}

// gatherLog makes the log of the workers from what the server wrote: the lines that begin with a number.
func (s *stand) gatherLog() {
	if !s.row.logs {
		return
	}
	text, err := os.ReadFile(s.procs["app"].out)
	s.must(err)
	var log []byte
	for line := range bytes.Lines(text) {
		if '0' <= line[0] && line[0] <= '9' {
			log = append(log, line...)
		}
	}
	s.must(os.WriteFile(s.log(), log, 0o644))
}
