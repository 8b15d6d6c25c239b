package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/contrib/hammer"
)

// servers is a herder that herds an app server.
type servers struct {
	*herd
	release release
}

// startServer runs an app server under herder: one that binds by itself, or one that is given its listener.
func (b *bench) startServer(server appServer, reexec bool) (*servers, error) {
	r, err := b.release()
	if err != nil {
		return nil, err
	}
	o := order{flags: []string{"--dir", r.dir, "--env", "WORKER_LOG=" + r.log}}
	if reexec {
		o.argv, o.flags = server.reexec(r.address), append(o.flags, "--pidfile", r.path(serverPid))
	} else {
		o.argv, o.flags = server.fresh(r.address), append(o.flags, "--bind", r.address)
	}
	h, err := b.start(o)
	if err != nil {
		return nil, err
	}
	return &servers{herd: h, release: r}, nil
}

// pass upgrades from the given generation to the next, and waits until all processes of the former are gone.
func (s *servers) pass(from int) (gone time.Duration, err error) {
	st, err := s.await(from)
	if err != nil {
		return 0, err
	}
	if n := len(st.Serving.Workers); n != crew {
		return 0, fmt.Errorf("generation %d serves with %d workers", from, n)
	}
	master, err := refOf(st.Serving.Master.PID)
	if err != nil {
		return 0, err
	}
	old, err := hold(master)
	if err != nil {
		return 0, err
	}
	defer old.release()
	asked := time.Now()
	if err = s.signal(unix.SIGUSR2); err == nil {
		err = old.awaitEnd()
	}
	if gone = time.Since(asked); err != nil {
		err = fmt.Errorf("%w; herder says: %s", err, s.said())
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
	s, err := b.startServer(server, false)
	if err != nil {
		return err
	}
	defer s.end()
	load := hammerAt(b, s.release)
	var took times
	for i := range b.runs {
		gone, err := s.pass(i + 1)
		if err != nil {
			load.Stop()
			return err
		}
		took = append(took, gone)
	}
	row(fmt.Sprintf("%s of kind fresh with %d workers under load: SIGUSR2 → old generation gone", server.name, crew), "",
		took.String(), true, b.runs)
	return s.again(server.name+" of kind fresh", load)
}

// again upgrades many times, one right after the other, and accounts for every request since the load began.
func (s *servers) again(what string, load *hammer.Hammer) (err error) {
	b := s.bench
	upgrades, done := min(b.upgrades, manyReexecs), 0
	began := time.Now()
	for ; done < upgrades && err == nil; done++ {
		err = s.upgrade()
	}
	took := time.Since(began)
	report := load.Stop()
	b.lost += report.Lost()
	if report.Lost() > 0 || err != nil {
		fmt.Fprintln(os.Stderr, report)
	}
	if err != nil {
		return fmt.Errorf("upgrade %d: %w; herder says: %s", done, err, s.said())
	}
	row(fmt.Sprintf("requests lost in %d upgrades under load, %s", upgrades, what), "0",
		fmt.Sprintf("%d of %d (sent again: %d); %s from one upgrade to the next", report.Lost(), report.Sent, report.Retried, ms(took/time.Duration(upgrades))),
		report.Lost() == 0, upgrades)
	return s.stop()
}
