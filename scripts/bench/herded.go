package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/herderd/herder/supervisor/dialect"
)

const (
	reexec = dialect.Reexec
	fresh  = dialect.Fresh
)

// herded is a herder with an app server.
type herded struct {
	*herd
	release release
}

// startServer runs an app server under herder: one that binds by itself, or one that is given its listener.
func (b *bench) startServer(server appServer, kind dialect.Kind) (*herded, error) {
	r, err := b.release()
	if err != nil {
		return nil, err
	}
	o := order{flags: []string{"--dir", r.dir, "--env", "WORKER_LOG=" + r.log}}
	if kind == reexec {
		o.argv, o.flags = server.reexec(r.address), append(o.flags, "--pidfile", r.path(serverPid))
	} else {
		o.argv, o.flags = server.fresh, append(o.flags, "--bind", r.address)
	}
	h, err := b.start(o)
	return &herded{herd: h, release: r}, err
}

// lightly is between two requests of one client: the load is to be there, not to be what is measured.
const lightly = 10 * time.Millisecond

func (b *bench) hammer(r release) *hammer.Hammer {
	return hammer.Start(b.ctx, hammer.Target{Network: "tcp", Address: r.address, Log: r.log, Pause: lightly})
}

// pass upgrades from the given generation to the next, and waits until all processes of the former are gone.
func (h *herded) pass(from int) (gone time.Duration, err error) {
	s, err := h.await(from)
	if err != nil {
		return 0, err
	}
	if n := len(s.Serving.Workers); n != crew {
		return 0, fmt.Errorf("generation %d serves with %d workers", from, n)
	}
	master, err := refOf(s.Serving.Master.PID)
	if err != nil {
		return 0, err
	}
	old, err := hold(master)
	if err != nil {
		return 0, err
	}
	defer old.release()
	asked := time.Now()
	if err = h.signal(unix.SIGUSR2); err == nil {
		err = old.awaitEnd()
	}
	if gone = time.Since(asked); err != nil {
		err = fmt.Errorf("%w; herder says: %s", err, h.said())
	}
	return gone, err
}

// freshes upgrades app servers that herder starts anew beside the old ones.
func (b *bench) freshes() error {
	for _, server := range appServers {
		if err := b.fresh(server); err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
	}
	return nil
}

func (b *bench) fresh(server appServer) error {
	h, err := b.startServer(server, fresh)
	if err != nil {
		return err
	}
	defer h.end()
	load := b.hammer(h.release)
	var took times
	for i := 0; i < b.runs && err == nil; i++ {
		var gone time.Duration
		gone, err = h.pass(i + 1)
		took = append(took, gone)
	}
	report := load.Stop()
	b.lost += report.Lost()
	if report.Lost() > 0 {
		fmt.Fprintln(os.Stderr, report)
	}
	if err != nil {
		return err
	}
	row(fmt.Sprintf("%s started anew, %d workers under load: SIGUSR2 → old generation gone", server.name, crew), "", took.String(), true, b.runs)
	return h.stop()
}

// manyReexecs is how often an app server is upgraded at most: it takes its time.
const manyReexecs = 100

// serverLosses upgrades app servers again and again under load, of both kinds, and accounts for every request.
func (b *bench) serverLosses() error {
	for _, server := range appServers {
		for _, kind := range []dialect.Kind{reexec, fresh} {
			h, err := b.startServer(server, kind)
			if err != nil {
				return err
			}
			defer h.end()
			if err := h.again(fmt.Sprintf("%s of kind %s", server.name, kind)); err != nil {
				return fmt.Errorf("%s: %w", server.name, err)
			}
		}
	}
	return nil
}

// again upgrades many times, one right after the other.
func (h *herded) again(what string) (err error) {
	b := h.bench
	upgrades, done := min(b.upgrades, manyReexecs), 0
	load := b.hammer(h.release)
	began := time.Now()
	for ; done < upgrades && err == nil; done++ {
		err = h.upgrade()
	}
	took := time.Since(began)
	report := load.Stop()
	b.lost += report.Lost()
	if report.Lost() > 0 || err != nil {
		fmt.Fprintln(os.Stderr, report)
	}
	if err != nil {
		return fmt.Errorf("upgrade %d: %w; herder says: %s", done, err, h.said())
	}
	row(fmt.Sprintf("requests lost in %d upgrades under load, %s, %d workers", upgrades, what, crew), "0",
		fmt.Sprintf("%d of %d (sent again: %d); %s from one upgrade to the next", report.Lost(), report.Sent, report.Retried, ms(took/time.Duration(upgrades))),
		report.Lost() == 0, upgrades)
	return h.stop()
}
