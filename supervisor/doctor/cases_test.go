package doctor

import (
	"time"

	"github.com/herderd/herder/handoff"
)

func servingCases() map[string]broken {
	return map[string]broken{
		"nothing serves": {func(h *Herd) { h.State, h.Serving = "backoff", nil }, "wrong serves: no generation serves (backoff)"},
		"nothing serves yet, and one may see why": {func(h *Herd) {
			h.State, h.Starting, h.Serving.Up = "starting", true, 0
			for i := range h.Serving.Workers {
				h.Serving.Workers[i].Up, h.Serving.Workers[i].State = false, "booting"
			}
			everyServer(h, func(p *Process) { p.Waits, p.Listens = nil, []string{"0.0.0.0:8080"} })
		}, "wrong serves: no generation serves (starting)\nwrong foreign: workers 1, 2: a socket that herder did not open listens on 0.0.0.0:8080, and none of those that herder gave is waited on"},
		"master gone": {func(h *Herd) { h.Serving.Headless = true },
			"warn serves: the master of generation 3 is gone; its workers serve on, but none is replaced when it dies"},
		"drained": {func(h *Herd) { h.Serving.Want, h.Serving.Up, h.Serving.Workers = 0, 0, nil },
			"warn serves: generation 3 has no workers, and is to have none"},
		"one waits for its start": {func(h *Herd) {
			h.Serving.Up = 1
			*first(h) = Worker{ID: 1, State: "waiting", Restarts: 20, Last: "exit 1"}
		}, "wrong serves: 1 of 2 workers of generation 3 are up\nwrong workers: worker 1 is down and waits for its next start, the 21st; before: exit 1"},
		"one boots": {func(h *Herd) {
			h.Serving.Up = 1
			*first(h) = Worker{ID: 1, State: "booting"}
		}, "warn serves: 1 of 2 workers of generation 3 are up, the others boot"},
		"one leaves for its successor": {func(h *Herd) {
			h.Upgrading, h.Serving.Up = true, 1
			*first(h) = Worker{ID: 1, State: "leaving"}
		}, ""},
		"restarted just now": {func(h *Herd) { first(h).Restarts, first(h).For = 12, 2500*time.Millisecond },
			"warn workers: worker 1 was started again 2s ago, for the 12th time; before: nobody saw how it ended"},
		"ended just now": {func(h *Herd) { first(h).Gone, first(h).Processes = first(h).Processes, nil },
			"warn workers: worker 1 ended while it was looked at"},
		"there was no time to look": {func(h *Herd) {
			h.Unseen = []string{"only 1 of 2 workers could be looked at within 3s"}
			h.Serving.Workers[1].Processes = nil
		}, "warn sight: only 1 of 2 workers could be looked at within 3s"},
		"a server with a master of its own": {func(h *Herd) {
			w := first(h)
			w.ID, w.State = Master, ""
			h.Serving.Workers = h.Serving.Workers[:1]
			root(h).Waits = nil
			children(h, 2, 2, 0)
		}, "wrong respawn: the master: 2 of 4 processes that python3 started to serve were replaced within 1s"},
		"one that opens its sockets itself": {func(h *Herd) {
			h.Binds, h.Listeners = true, nil
			everyServer(h, func(p *Process) { p.Holds, p.Waits, p.Listens = nil, nil, []string{"0.0.0.0:80"} })
			children(h, 0, 1, 1)
			for i := range first(h).Processes {
				first(h).Processes[i].Listens = []string{"0.0.0.0:80"}
			}
		}, "wrong respawn: worker 1: 1 of 1 processes that python3 started to serve were replaced within 1s"},
		"restarted long ago": {func(h *Herd) { first(h).Restarts = 12 }, ""},
		"all children are new": {func(h *Herd) { children(h, 0, 5, 0) },
			"wrong respawn: worker 1: 5 of 5 processes that python3 started to serve were replaced within 1s"},
		"children are gone, and the new ones not yet there": {func(h *Herd) { children(h, 1, 0, 2) },
			"wrong respawn: worker 1: 2 of 3 processes that python3 started to serve were replaced within 1s"},
		"one of many is new": {func(h *Herd) { children(h, 8, 1, 1) },
			"warn respawn: worker 1: 1 of 9 processes that python3 started to serve were replaced within 1s"},
		"all children stay": {func(h *Herd) { children(h, 9, 0, 0) }, ""},
		"it starts its children": {func(h *Herd) {
			children(h, 0, 5, 0)
			first(h).For = time.Second
		}, ""},
		"it starts its children, and they die": {func(h *Herd) {
			children(h, 2, 5, 2)
			first(h).For = time.Second
		}, "wrong respawn: worker 1: 2 of 4 processes that python3 started to serve were replaced within 1s"},
		"other programs come and go": {func(h *Herd) {
			below(h, Process{Name: "convert", New: true, Holds: []string{"web"}})
			below(h, Process{Name: "python3", New: true, Forked: true})
		}, ""},
		"the worker itself is new": {func(h *Herd) {
			children(h, 0, 5, 0)
			root(h).New = true
		}, ""},
	}
}

func socketCases() map[string]broken {
	return map[string]broken{
		"a worker has thrown it away": {func(h *Herd) { root(h).Holds, root(h).Waits = nil, nil },
			"wrong socket: worker 1: none of the sockets of herder is open any more"},
		"nobody took one of them": {func(h *Herd) {
			everyServer(h, func(p *Process) { p.Holds, p.Waits = []string{"web"}, []string{"web"} })
		}, "wrong socket: listener app.sock (/run/app/app.sock): no worker has it open; who connects there waits for ever"},
		"nobody waits": {func(h *Herd) {
			everyServer(h, func(p *Process) { p.Waits = []string{"app.sock"} })
			web(h).Queued = 7
		}, "warn socket: listener web (127.0.0.1:80): no worker was seen to wait on it, in two looks 1s apart; 7 wait in its queue"},
		"nobody may look": {func(h *Herd) {
			everyServer(h, func(p *Process) { *p = Process{Name: "python3", Catches: true, Hidden: true} })
			h.Unseen = []string{"cannot see what process 7 has open: permission denied"}
		}, "warn sight: cannot see what process 7 has open: permission denied"},
		"a child holds it": {func(h *Herd) {
			below(h, server("python3"))
			root(h).Holds, root(h).Waits = nil, nil
		}, ""},
		"all serve elsewhere": {func(h *Herd) {
			everyServer(h, func(p *Process) { p.Waits, p.Listens = nil, []string{"0.0.0.0:8080", "0.0.0.0:8080"} })
		}, "wrong foreign: workers 1, 2: a socket that herder did not open listens on 0.0.0.0:8080, and none of those that herder gave is waited on"},
		"another port as well": {func(h *Herd) { root(h).Listens = []string{"127.0.0.1:9090"} },
			"warn foreign: worker 1: a socket that herder did not open listens on 127.0.0.1:9090"},
		"no listeners, a port of its own": {func(h *Herd) {
			h.Listeners = nil
			everyServer(h, func(p *Process) { p.Holds, p.Waits = nil, nil })
			root(h).Listens = []string{"127.0.0.1:9090"}
		}, "warn foreign: worker 1: a socket that herder did not open listens on 127.0.0.1:9090"},
		"shut down": {func(h *Herd) { web(h).Down = true },
			"wrong listening: listener web (127.0.0.1:80): somebody shut it down, and herder could not open it again: clients are refused"},
		"address lost":      {func(h *Herd) { web(h).Lost = errLost }, "wrong listening: listener web (127.0.0.1:80): this host has lost the address"},
		"closed on purpose": {func(h *Herd) { web(h).Sealed, web(h).Down, app(h).Sealed, app(h).NoPublic = true, true, true, true }, ""},
		"flag cleared": {func(h *Herd) { web(h).NonBlocking = false },
			"wrong blocking: listener web (127.0.0.1:80): O_NONBLOCK was cleared, for all who share the socket: an event loop that loses a race for a connection hangs"},
		"flag set": {func(h *Herd) { web(h).Want = handoff.Blocking },
			"wrong blocking: listener web (127.0.0.1:80): O_NONBLOCK was set, for all who share the socket, but the socket is to block: who calls accept fails at once"},
		"configured against the server": {func(h *Herd) { web(h).Needs = handoff.Blocking },
			"wrong blocking: listener web (127.0.0.1:80): O_NONBLOCK is set, as configured, but this server needs a socket that blocks"},
		"configured against the server, the other way": {func(h *Herd) { app(h).Needs = handoff.NonBlocking },
			"wrong blocking: listener app.sock (/run/app/app.sock): O_NONBLOCK is clear, as configured, but this server needs it set"},
		"either will do": {func(h *Herd) { web(h).Want = handoff.WaitAny }, ""},
		"backlog made smaller": {func(h *Herd) { web(h).Backlog = 5 },
			"wrong backlog: listener web (127.0.0.1:80): its backlog is 5, it should be 64: somebody called listen again"},
		"backlog made larger": {func(h *Herd) { web(h).Backlog = 2048 },
			"warn backlog: listener web (127.0.0.1:80): its backlog is 2048, 64 were asked for: somebody called listen again"},
		"backlog made larger, none asked for": {func(h *Herd) { app(h).Backlog = 2048 }, ""},
		"backlog cut by the kernel": {func(h *Herd) { web(h).Asked = 9999 },
			"warn backlog: listener web (127.0.0.1:80): its backlog is 64, 9999 were asked for: the kernel gives no more"},
		"mended once": {func(h *Herd) { web(h).Mended, web(h).MendedHow = 1, "somebody cleared O_NONBLOCK, it is set again" },
			"ok mended: listener web (127.0.0.1:80): herder mended it once: somebody cleared O_NONBLOCK, it is set again"},
		"mended often": {func(h *Herd) { web(h).Mended, web(h).MendedHow = 3, "x" },
			"ok mended: listener web (127.0.0.1:80): herder mended it 3 times, the last time: x"},
	}
}

func fileCases() map[string]broken {
	const sock = "listener app.sock (/run/app/app.sock): "
	return map[string]broken{
		"path gone":             {func(h *Herd) { app(h).File = nil }, "wrong path: " + sock + "its path is gone, and herder could not put it back: clients do not come to the workers"},
		"path taken by another": {func(h *Herd) { app(h).NoPublic = true }, "wrong path: " + sock + "its path is not the socket of herder any more, and herder could not put it back: clients do not come to the workers"},
		"only root": {func(h *Herd) { file(h).Mode = 0o755 },
			"warn access: " + sock + "only root may connect (mode 0755, owner 0)"},
		"only the user": {func(h *Herd) { file(h).Mode, file(h).UID = 0o700, 33 }, ""},
		"folder closed to all": {func(h *Herd) { folder(h).Mode = 0o750 },
			"warn access: " + sock + "all may connect (mode 0666), but folder /run/app (mode 0750, group 0) does not let them through"},
		"folder closed to the group": {func(h *Herd) { file(h).Mode, file(h).GID, folder(h).Mode = 0o660, 33, 0o750 },
			"warn access: " + sock + "group 33 may connect (mode 0660), but folder /run/app (mode 0750, group 0) does not let them through"},
		"folder open to the group":    {func(h *Herd) { file(h).Mode, file(h).GID, *folder(h) = 0o660, 33, Folder{"/run/app", 0o750, 33} }, ""},
		"folder open to anybody":      {func(h *Herd) { folder(h).Mode = 0o777 }, "wrong access: " + sock + "anybody may put another socket in its place: folder /run/app has mode 0777"},
		"folder with the sticky bit":  {func(h *Herd) { folder(h).Mode = 0o1777 }, ""},
		"pid file says another":       {func(h *Herd) { pid(h).Says = 99 }, "wrong pidfile: app.pid says 99, but the serving master is 12"},
		"pid file cannot be read":     {func(h *Herd) { pid(h).Trouble = "no such file" }, "wrong pidfile: app.pid should say 12, the serving master: no such file"},
		"neither sockets nor a file":  {func(h *Herd) { h.Listeners, h.Pidfiles = nil, nil }, ""},
		"an abstract socket, no path": {func(h *Herd) { app(h).Path, app(h).File = false, nil }, ""},
	}
}

func processCases() map[string]broken {
	const wrapped = "wrong wrapper: worker 1: sh started python3, which does the work, and does not pass TERM on: what is in hand is cut off at each upgrade and stop"
	return map[string]broken{
		"a shell that waits": {func(h *Herd) { wrap(h, server("python3")) }, wrapped},
		"a shell before one that serves elsewhere": {func(h *Herd) {
			p := server("python3")
			p.Waits, p.Listens = nil, []string{"0.0.0.0:8080"}
			wrap(h, p)
		}, "wrong foreign: worker 1: a socket that herder did not open listens on 0.0.0.0:8080, and none of those that herder gave is waited on\n" + wrapped},
		"a shell that traps the signal": {func(h *Herd) {
			wrap(h, server("python3"))
			root(h).Catches = true
		}, ""},
		"a shell without listeners": {func(h *Herd) {
			h.Listeners = nil
			wrap(h, Process{Name: "python3"})
		}, wrapped},
		"a master that serves nothing itself": {func(h *Herd) {
			wrap(h, server("gunicorn"))
			root(h).Name, root(h).Catches = "gunicorn", true
		}, ""},
		"no handler": {func(h *Herd) { everyServer(h, func(p *Process) { p.Catches = false }) },
			"warn graceful: workers 1, 2: python3 has no handler for TERM and dies of it: what it has in hand is cut off at each upgrade and stop"},
		"ignored": {func(h *Herd) { root(h).Catches, root(h).Ignores = false, true },
			"wrong graceful: worker 1: python3 ignores TERM: at each upgrade and stop it serves on until it is killed after stop_timeout"},
		"ignored, and never killed": {func(h *Herd) { root(h).Catches, root(h).Ignores, h.StopTimeout, h.Above = false, true, 0, nil },
			"wrong graceful: worker 1: python3 ignores TERM: at each upgrade and stop it serves on and nobody kills it"},
		"few files":          {func(h *Herd) { root(h).MayOpen = 256 }, "warn limits: worker 1: python3 may open only 256 files, and each connection is one"},
		"hardly a file left": {func(h *Herd) { root(h).Open = 1000 }, "wrong limits: worker 1: python3 has 1000 files open of 1024 that it may: soon it can accept nothing"},
		"no limit known":     {func(h *Herd) { root(h).MayOpen = 0 }, ""},
	}
}

func aroundCases() map[string]broken {
	return map[string]broken{
		"runit waits for 7 s": {func(h *Herd) { h.StopTimeout = 30 * time.Second },
			"warn stop-timeout: stop_timeout is 30s, but sv waits for 7s only: a stop or restart may take longer than it is waited for"},
		"runit waits, workers are not bound": {func(h *Herd) { h.StopTimeout = 0 },
			"warn stop-timeout: workers may take as long as they want, but sv waits for 7s only: a stop or restart may take longer than it is waited for"},
		"docker waits for 10 s": {func(h *Herd) { h.StopTimeout, h.Above = 10500*time.Millisecond, []string{Container} },
			"warn stop-timeout: stop_timeout is 10.5s, but docker stop waits for 10s only: a stop or restart may take longer than it is waited for"},
		"systemd waits for 90 s": {func(h *Herd) { h.StopTimeout, h.Above = 30*time.Second, []string{"systemd"} }, ""},
		"nobody above":           {func(h *Herd) { h.StopTimeout, h.Above = time.Hour, []string{"bash", "login"} }, ""},
		"a shell between": {func(h *Herd) { h.Above = []string{"bash", "run", "runsv", "runsvdir"} },
			"wrong parent: runsv started run, and that started herder: what sv says does not reach herder"},
	}
}
