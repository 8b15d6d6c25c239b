package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// commands are those of the scripts, beside the ones of testscript:
//
//	start NAME FLAG… [-- COMMAND…]    herder run --name NAME --runtime-dir $RUN … in the background (another runtime
//	                                  directory when NAME is not app)
//	spawn NAME COMMAND ARG…           any program in the background; NAME.out and NAME.err are its output
//	[!] herder ARG…                   a client, in the foreground; stdout and stderr can be matched afterwards
//	exits CODE COMMAND ARG…           any program in the foreground, which must exit with this code
//	runsv NAME                        a real runsv in sv/NAME, in the background;  [!] sv ARG…  as its client
//	up VAR NAME                       starts the service NAME, which is down, and sets VAR to the pid of the herder
//	signal SIG WHO                    WHO: a NAME, pid:N, file:PIDFILE, master, old, successor, worker:SLOT, workers
//	pid VAR WHO                       sets the variable VAR to that pid
//	waitfor CONDITION                 waits until it holds;  [!] check CONDITION  looks once (conditions_test.go)
//	hammer start NAME ADDR [k=v…]     keep, oneshot, pause, sleep, proxied;  hammer pause|resume NAME
//	hammer stop NAME [killed=PID,…]   fails unless every request was answered and logged exactly once
//	probe ADDR [QUERY]                one request on a new connection; its answer is stdout
//	mode MODE [NUMBER]                what worker.py in the directory app does from its next start on
//	release N [MODE…]                 makes releases/N with a worker and flips the symlink current to it, in one step
//	upgrades N [WHO]                  that many upgrades in a row, asked by USR2
//	ledger take NAME WHO              remembers fds, threads and children of a process;  ledger same NAME WHO
//	write FILE TEXT                   writes one line, by rename;  expand FROM TO  replaces $VARIABLES
//	storm N WHO SIG…                  N signals in a row, drawn from the list, from the first moment on
//	hold open NAME ADDR [QUERY]       a connection that stays open;  hold answer NAME…  the answers are stdout;  hold close NAME…
//	freeze PID, thaw                  a process that not even SIGKILL ends
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	all := map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"start": cmdStart, "spawn": cmdSpawn, "herder": cmdHerder, "exits": cmdExits,
		"runsv": cmdRunsv, "sv": cmdSv, "signal": cmdSignal, "pid": cmdPid,
		"waitfor": cmdWaitfor, "check": cmdCheck, "hammer": cmdHammer, "probe": cmdProbe,
		"mode": cmdMode, "release": cmdRelease, "upgrades": cmdUpgrades, "ledger": cmdLedger, "write": cmdWrite,
		"storm": cmdStorm, "up": cmdUp, "hold": cmdHold, "expand": cmdExpand,
		"freeze": cmdFreeze, "thaw": cmdThaw,
	}
	negatable := []string{"herder", "sv", "check", "probe"}
	for name, cmd := range all {
		if !slices.Contains(negatable, name) {
			all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
				if neg {
					ts.Fatalf("%s cannot be negated", name)
				}
				cmd(ts, neg, args)
			}
		}
	}
	return all
}

func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func cmdStart(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 1, "start NAME FLAG…")
	name := args[0]
	run := ts.Getenv("RUN")
	if name != "app" {
		run += "-" + name
	}
	argv := []string{filepath.Join(binDir, "herder"), "run", "--name", name, "--runtime-dir", run}
	launch(ts, name, append(argv, args[1:]...))
}

func cmdSpawn(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 1, "spawn NAME COMMAND ARG…")
	launch(ts, args[0], args[1:])
}

// launch starts a program below the keeper, with its output in files.
func launch(ts *testscript.TestScript, name string, argv []string) *process {
	s := of(ts)
	p := &process{out: filepath.Join(s.work, name+".out"), err: filepath.Join(s.work, name+".err")}
	_, _ = os.Remove(p.out), os.Remove(p.err)
	argv = slices.Clone(argv)
	argv[0] = lookPath(ts, argv[0])
	pid, err := s.nursery.start(order{Argv: argv, Env: environ(ts), Dir: ts.MkAbs("."), Files: []string{"", p.out, p.err}})
	ts.Check(err)
	p.pid = pid
	if !slices.Contains(s.order, name) {
		s.order = append(s.order, name)
	}
	s.procs[name] = p
	return p
}

// environ is the environment of the script; testscript shows single variables only, and marks its own.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range append(strings.Fields(ts.Getenv("PASS")), "PATH", "HOME", "TMPDIR", "WORKER_LOG", "HERDER_SOCKET",
		"WORK", "ADDR", "IP", "SOCK", "SHORT", "WORKER_LINGER", "WORKER_WAIT", "SVDIR", "PYTHON", "PY") {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	if race {
		// By default a program built with -race sleeps for a second before it exits.
		env = append(env, "GORACE=atexit_sleep_ms=0 exitcode=66")
	}
	return env
}

func lookPath(ts *testscript.TestScript, name string) string {
	if strings.Contains(name, "/") {
		return ts.MkAbs(name)
	}
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.X_OK) == nil {
			return path
		}
	}
	ts.Fatalf("no program %s in PATH", name)
	return ""
}

// foreground runs a program to its end and gives its output to the script.
func foreground(ts *testscript.TestScript, argv []string) syscall.WaitStatus {
	s := of(ts)
	name := fmt.Sprintf(".fg%d", len(s.procs))
	p := launch(ts, name, argv)
	if !within(patience, func() bool { return s.ended(p) }) {
		ts.Fatalf("%q does not end", argv)
	}
	for _, file := range []struct {
		path string
		to   interface{ Write([]byte) (int, error) }
	}{{p.out, ts.Stdout()}, {p.err, ts.Stderr()}} {
		text, _ := os.ReadFile(file.path)
		_, _ = file.to.Write(text)
	}
	status, _ := s.nursery.status(p.pid)
	return status
}

func cmdHerder(ts *testscript.TestScript, neg bool, args []string) {
	status := foreground(ts, append([]string{filepath.Join(binDir, "herder")}, args...))
	if (status == 0) == neg {
		ts.Fatalf("herder %s: exit %s", strings.Join(args, " "), exitText(status))
	}
}

func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 1, "exits CODE COMMAND ARG…")
	if status := foreground(ts, args[1:]); exitText(status) != args[0] {
		ts.Fatalf("%s: exit %s, want %s", strings.Join(args[1:], " "), exitText(status), args[0])
	}
}

func cmdRunsv(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 1, "runsv NAME")
	ts.Setenv("SVDIR", filepath.Join(of(ts).work, "sv"))
	launch(ts, "runsv-"+args[0], []string{"runsv", filepath.Join(of(ts).work, "sv", args[0])})
}

func cmdSv(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("SVDIR", filepath.Join(of(ts).work, "sv"))
	status := foreground(ts, append([]string{"sv", "-w", "60"}, args...))
	if (status == 0) == neg {
		ts.Fatalf("sv %s: exit %s", strings.Join(args, " "), exitText(status))
	}
}

func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 2, "signal SIG WHO")
	sig := signalNumber(ts, args[0])
	for _, pid := range who(ts, args[1]) {
		if err := syscall.Kill(pid, sig); err != nil {
			ts.Fatalf("cannot send %s to %s (pid %d): %v", args[0], args[1], pid, err)
		}
	}
}

func signalNumber(ts *testscript.TestScript, name string) syscall.Signal {
	if n, err := strconv.Atoi(name); err == nil {
		return syscall.Signal(n)
	}
	sig := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG"))
	if sig == 0 {
		ts.Fatalf("no signal %s", name)
	}
	return sig
}

func signalName(sig syscall.Signal) string {
	return strings.TrimPrefix(unix.SignalName(sig), "SIG")
}

func cmdPid(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 2, "pid VAR WHO")
	ts.Setenv(args[0], strconv.Itoa(who(ts, args[1])[0]))
}

// who finds the processes that a script names; at least one.
func who(ts *testscript.TestScript, name string) []int {
	s := of(ts)
	kind, arg, _ := strings.Cut(name, ":")
	switch kind {
	case "pid":
		pid, err := strconv.Atoi(arg)
		ts.Check(err)
		return []int{pid}
	case "file":
		text := ts.ReadFile(arg)
		pid, err := strconv.Atoi(strings.TrimSpace(text))
		ts.Check(err)
		return []int{pid}
	}
	if p := s.procs[name]; p != nil {
		return []int{p.pid}
	}
	pids, err := herdPids(ts, kind, arg)
	if err != nil {
		ts.Fatalf("%s: %v", name, err)
	}
	return pids
}

func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	writeFile(ts, filepath.Join(of(ts).work, "app", "mode"), strings.Join(args, " "))
}

func cmdWrite(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 2, "write FILE TEXT")
	writeFile(ts, ts.MkAbs(args[0]), args[1])
}

func writeFile(ts *testscript.TestScript, path, text string) {
	ts.Check(os.WriteFile(path+".new", []byte(text+"\n"), 0o644))
	ts.Check(os.Rename(path+".new", path))
}

// cmdRelease deploys as capistrano does.
func cmdRelease(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 0, "release N [MODE…]")
	work := of(ts).work
	dir := filepath.Join(work, "releases", args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	worker, err := os.ReadFile(ts.Getenv("PY"))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "worker.py"), worker, 0o755))
	ts.Check(os.WriteFile(filepath.Join(dir, "VERSION"), []byte(args[0]+"\n"), 0o644))
	if len(args) > 1 {
		writeFile(ts, filepath.Join(dir, "mode"), strings.Join(args[1:], " "))
	}
	link := filepath.Join(work, "current")
	_ = os.Remove(link + ".new")
	ts.Check(os.Symlink(filepath.Join("releases", args[0]), link+".new"))
	ts.Check(os.Rename(link+".new", link))
}

// cmdUpgrades asks for one upgrade after the other and waits for each.
func cmdUpgrades(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) > 0, "upgrades N [WHO]")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	name := "app"
	if len(args) > 1 {
		name = args[1]
	}
	began := time.Now()
	for range n {
		before, err := status(ts)
		ts.Check(err)
		if before.Serving == nil {
			ts.Fatalf("no generation serves")
		}
		next := strconv.Itoa(before.Serving.Generation + 1)
		ts.Check(syscall.Kill(who(ts, name)[0], syscall.SIGUSR2))
		await(ts, []string{"serving", next})
	}
	ts.Logf("%d upgrades in %.1f s", n, time.Since(began).Seconds())
}

func cmdLedger(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, len(args) == 3, "ledger take|same NAME WHO")
	pid := who(ts, args[2])[0]
	ledgers := of(ts).ledgers
	if args[0] == "take" {
		l, rested := restedLedger(pid)
		need(ts, rested, "a process that comes to rest")
		ledgers[args[1]] = l
		return
	}
	before, now := ledgers[args[1]], ledger{}
	// The Go runtime keeps threads it once needed, so a few more are no leak; a hundred would be.
	same := func() bool {
		now = takeLedger(pid)
		return now.fds == before.fds && now.children == before.children && now.threads <= before.threads+6
	}
	if !within(patience, same) {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			link, _ := os.Readlink(fd)
			ts.Logf("%s %s", filepath.Base(fd), link)
		}
		ts.Fatalf("%s holds %+v, before it was %+v", args[2], now, before)
	}
}
