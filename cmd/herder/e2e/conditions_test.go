package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A condition of waitfor and check:
//
//	serving N                     generation N serves, no upgrade runs, and nothing of an older one is left
//	calm                          some generation serves, nothing comes or goes, and so for a second
//	state NAME                    the herder's state
//	up N                          N workers of the serving generation are up
//	status KEY VALUE              a key of herder status -o json, with dots; of a list its length
//	other KEY VALUE               a key of the status is something else
//	count FILE REGEXP N           N lines of the file match
//	log NAME REGEXP               the stderr of a process that was started as NAME
//	file PATH [REGEXP]            the file is there (and says so);  nofile PATH
//	exit NAME [CODE|signal:SIG]   the process has ended (so)
//	gone PID                      no such process, or a zombie;  below NAME N: NAME has N descendants
//	answered NAME N               the hammer NAME has got N answers more than when the waiting began
//	says ADDR QUERY REGEXP        the answer to a request
//	answers ADDR N                a worker of generation N answers on a new connection;  open ADDR  somebody accepts
func holds(ts *testscript.TestScript, args []string) (bool, string) {
	s := of(ts)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch args[0] {
	case "serving":
		return isServing(ts, arg(1))
	case "calm":
		return isCalm(ts)
	case "state":
		return keyIs(ts, "state", arg(1))
	case "up":
		return areUp(ts, arg(1))
	case "status":
		return keyIs(ts, arg(1), arg(2))
	case "other":
		ok, detail := keyIs(ts, arg(1), arg(2))
		return !ok && strings.HasPrefix(detail, "{"), detail
	case "count":
		text, _ := os.ReadFile(ts.MkAbs(arg(1)))
		n := len(regexp.MustCompile("(?m)"+arg(2)).FindAll(text, -1))
		return strconv.Itoa(n) == arg(3), fmt.Sprintf("%d matches in %s", n, tail(text, 2000))
	case "log":
		p := s.procs[arg(1)]
		if p == nil {
			ts.Fatalf("nothing was started as %s", arg(1))
		}
		return fileSays(p.err, arg(2))
	case "file":
		return fileSays(ts.MkAbs(arg(1)), arg(2))
	case "nofile":
		_, err := os.Lstat(ts.MkAbs(arg(1)))
		return os.IsNotExist(err), "it is there"
	case "exit":
		return hasEnded(ts, arg(1), arg(2))
	case "gone":
		pid, err := strconv.Atoi(arg(1))
		ts.Check(err)
		return !alive(pid), describe([]int{pid})
	case "below":
		below := descendants(who(ts, arg(1))[0])
		return strconv.Itoa(len(below)) == arg(2), describe(below)
	case "answers":
		answer, err := request(arg(1), "")
		fields := strings.Fields(answer)
		return err == nil && len(fields) == 4 && fields[1] == arg(2), fmt.Sprintf("%q, %v", answer, err)
	case "says":
		answer, err := request(arg(1), arg(2))
		return err == nil && regexp.MustCompile(arg(3)).MatchString(answer), fmt.Sprintf("%q, %v", answer, err)
	case "open":
		conn, err := net.DialTimeout(network(arg(1)), address(arg(1)), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil, fmt.Sprint(err)
	}
	ts.Fatalf("no condition %s", args[0])
	return false, ""
}

func cmdWaitfor(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 0, "waitfor CONDITION")
	await(ts, args)
}

func await(ts *testscript.TestScript, args []string) {
	if args[0] == "answered" {
		awaitAnswers(ts, args[1:])
		return
	}
	var detail string
	done := func() (ok bool) {
		ok, detail = holds(ts, args)
		return ok
	}
	if !within(patience, done) {
		ts.Fatalf("waited %s for %s: %s", patience, strings.Join(args, " "), detail)
	}
}

func cmdCheck(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) > 0, "check CONDITION")
	if ok, detail := holds(ts, args); ok == neg {
		ts.Fatalf("%s is %t: %s", strings.Join(args, " "), ok, detail)
	}
}

func isServing(ts *testscript.TestScript, generation string) (bool, string) {
	st, err := status(ts)
	if err != nil {
		return false, err.Error()
	}
	ok := st.Serving != nil && st.State == "serving" && st.Successor == nil && len(st.Retiring) == 0 &&
		strconv.Itoa(st.Serving.Generation) == generation
	return ok, st.text
}

func areUp(ts *testscript.TestScript, want string) (bool, string) {
	st, err := status(ts)
	if err != nil || st.Serving == nil {
		return false, fmt.Sprint(err, st.text)
	}
	n := 0
	for _, w := range st.Serving.Workers {
		if w.State == "up" || w.State == "ready" {
			n++
		}
	}
	return strconv.Itoa(n) == want, st.text
}

// isCalm looks twice: a remembered upgrade begins as soon as the one before has ended.
func isCalm(ts *testscript.TestScript) (bool, string) {
	before, err := status(ts)
	if err != nil || before.Serving == nil {
		return false, fmt.Sprint(err, before.text)
	}
	time.Sleep(time.Second)
	return isServing(ts, strconv.Itoa(before.Serving.Generation))
}

// keyIs compares one key of the status.
func keyIs(ts *testscript.TestScript, key, want string) (bool, string) {
	st, err := status(ts)
	if err != nil {
		return false, err.Error()
	}
	var at any
	if err := json.Unmarshal([]byte(st.text), &at); err != nil {
		return false, err.Error()
	}
	for part := range strings.SplitSeq(key, ".") {
		switch v := at.(type) {
		case map[string]any:
			if at = v[part]; at == nil && part != "reason" {
				return want == "null", st.text
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return false, st.text
			}
			at = v[i]
		}
	}
	if list, ok := at.([]any); ok {
		at = len(list)
	}
	return fmt.Sprint(at) == want, st.text
}

func fileSays(path, want string) (bool, string) {
	if want == "" {
		_, err := os.Lstat(path) // only looked at: it may be a fifo, whose reader would wait for ever
		return err == nil, fmt.Sprint(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err.Error()
	}
	return regexp.MustCompile("(?m)" + want).Match(text), string(tail(text, 2000))
}

func hasEnded(ts *testscript.TestScript, name, want string) (bool, string) {
	p := of(ts).procs[name]
	if p == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	status, ended := of(ts).nursery.status(p.pid)
	if ended && want != "" && exitText(status) != want {
		ts.Fatalf("%s: exit %s, want %s", name, exitText(status), want)
	}
	return ended, "it runs"
}

// herdStatus is what the scripts need of the status.
type herdStatus struct {
	State     string
	Serving   *generation
	Successor *generation
	Retiring  []generation
	text      string
}

type generation struct {
	Generation int
	Master     struct{ PID int }
	Workers    []struct {
		ID, PID int
		State   string
	}
}

func status(ts *testscript.TestScript) (herdStatus, error) {
	return statusAt(ts.Getenv("HERDER_SOCKET"))
}

// statusAt asks the herder in the words of its protocol: one line of JSON there, one back.
func statusAt(socket string) (herdStatus, error) {
	var reply struct {
		Error  string
		Status json.RawMessage
	}
	var st herdStatus
	conn, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		return st, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, `{"v":1,"do":"status"}`); err != nil {
		return st, err
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return st, err
	}
	st.text = string(reply.Status)
	if reply.Error != "" {
		return st, fmt.Errorf("%s", reply.Error)
	}
	return st, json.Unmarshal(reply.Status, &st)
}

// herdPids names processes by their part in the herd.
func herdPids(ts *testscript.TestScript, role, arg string) ([]int, error) {
	st, err := status(ts)
	if err != nil {
		return nil, err
	}
	g := st.Serving
	switch role {
	case "old":
		if g = nil; len(st.Retiring) > 0 {
			g = &st.Retiring[0]
		}
	case "successor":
		g = st.Successor
	}
	if g == nil {
		return nil, fmt.Errorf("there is none: %s", st.text)
	}
	var pids []int
	switch role {
	case "master", "old", "successor":
		return []int{g.Master.PID}, nil
	case "worker", "workers":
		for _, w := range g.Workers {
			if w.PID > 0 && (role == "workers" || strconv.Itoa(w.ID) == arg) {
				pids = append(pids, w.PID)
			}
		}
	default:
		return nil, fmt.Errorf("no such role")
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no such worker: %s", st.text)
	}
	return pids, nil
}
