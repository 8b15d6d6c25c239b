package main

import (
	"fmt"
	"os"
	"time"

	"github.com/herderd/herder/contrib/hammer"
)

// losses upgrades four workers again and again under load, and accounts for every request.
func (b *bench) losses() error {
	for _, network := range []string{"tcp", "unix"} {
		if err := b.lossesOver(network); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) lossesOver(network string) error {
	log := b.path(network + ".log")
	h, err := b.start(order{network: network, workers: 4, program: workerProgram, flags: []string{"--env", "WORKER_LOG=" + log}})
	if err != nil {
		return err
	}
	defer h.end()
	load := hammer.Start(b.ctx, hammer.Target{Network: network, Address: h.address, Log: log})
	began := time.Now()
	done := 0
	for ; done < b.upgrades && err == nil; done++ {
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
	row(fmt.Sprintf("requests lost in %d upgrades under load, %s", b.upgrades, network), "0",
		fmt.Sprintf("%d of %d (sent again: %d); %s from one upgrade to the next", report.Lost(), report.Sent, report.Retried, ms(took/time.Duration(b.upgrades))),
		report.Lost() == 0, b.upgrades)
	return h.stop()
}
