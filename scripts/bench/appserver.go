package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// crew is how many workers an app server has here.
const crew = 4

// appServer is one with a master of its own, that can start its own successor.
type appServer struct {
	name      string
	reexec    func(address string) []string // binds by itself
	fresh     []string                      // is given its listener
	graceful  unix.Signal
	successor string // the pid file in which its successor's pid appears
}

// serverPid is the pid file of each of them, in its release.
const serverPid = "app.pid"

var appServers = []appServer{
	{
		name:     "unicorn",
		reexec:   func(string) []string { return []string{"unicorn", "-c", "alone.rb", "config.ru"} },
		fresh:    []string{"unicorn", "-c", "herded.rb", "config.ru"},
		graceful: unix.SIGQUIT, successor: serverPid,
	},
	{
		name: "gunicorn",
		reexec: func(address string) []string {
			return []string{"gunicorn", "-w", fmt.Sprint(crew), "-b", address, "-p", serverPid, "app:application"}
		},
		fresh:    []string{"gunicorn", "-w", fmt.Sprint(crew), "app:application"},
		graceful: unix.SIGTERM, successor: serverPid + ".2",
	},
}

// unicornConfig is that of contrib/servers without its hook, which sends the old master away as soon as the first of the
// new workers is forked: here it is done at the right moment. The second line is for who has no herder.
const (
	unicornConfig = "worker_processes %d\npreload_app true\ntimeout 30\nlisten '%s', backlog: 64\n"
	unicornAlone  = unicornConfig + "pid '" + serverPid + "'\n"
)

// release is a folder with the apps, and an address to serve them at.
type release struct {
	dir     string
	address string
	log     string // of the workers
}

func (b *bench) release() (r release, err error) {
	if r.dir, err = os.MkdirTemp(b.dir, "release"); err != nil {
		return r, err
	}
	if err = os.CopyFS(r.dir, os.DirFS(filepath.Join(b.root, "contrib/servers"))); err != nil {
		return r, err
	}
	fd, address, err := listen()
	if err != nil {
		return r, err
	}
	_ = unix.Close(fd) // the server is to bind it
	r.address, r.log = address, r.path("worker.log")
	err = os.WriteFile(r.path("alone.rb"), fmt.Appendf(nil, unicornAlone, crew, address), 0o644)
	if err == nil {
		err = os.WriteFile(r.path("herded.rb"), fmt.Appendf(nil, unicornConfig, crew, address), 0o644)
	}
	return r, err
}

func (r release) path(name string) string { return filepath.Join(r.dir, name) }
