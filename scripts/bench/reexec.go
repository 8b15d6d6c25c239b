package main

import (
	"fmt"
	"os"
	"time"

	"github.com/herderd/herder/contrib/hammer"
)

const (
	reexecLimit = 1.5              // times what it takes by hand
	herderSleep = 30 * time.Second // unicornherder's --overlap, unless it is told otherwise
)

// reexecs upgrades app servers that start their own successors, next to the same done by hand, all under load.
func (b *bench) reexecs() error {
	for _, server := range appServers {
		if err := b.reexec(server); err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
	}
	return nil
}

func (b *bench) reexec(server appServer) error {
	hand, err := b.startByHand(server)
	if err != nil {
		return err
	}
	defer hand.end()
	ours, err := b.startServer(server, reexec)
	if err != nil {
		return err
	}
	defer ours.end()
	s := sides{hand: hand, ours: ours, atHand: b.hammer(hand.release), atOurs: b.hammer(ours.release)}
	err = s.takeTurns(b.runs)
	for name, report := range map[string]hammer.Report{"by hand": s.atHand.Stop(), "by herder": s.atOurs.Stop()} {
		if report.Lost() > 0 {
			fmt.Fprintf(os.Stderr, "%s, %s: %v\n", server.name, name, report)
			b.lost += report.Lost()
		}
	}
	if err != nil {
		return err
	}
	s.rows(server)
	hand.end()
	return ours.stop()
}

// sides are the same server twice, with the times of its upgrades.
type sides struct {
	hand             *byHand
	ours             *herded
	atHand, atOurs   *hammer.Hammer
	whole, bare, own times // by hand until all new workers serve, and until the old ones are gone; by herder
}

// takeTurns gives no load to him whose turn it is not.
func (s *sides) takeTurns(runs int) error {
	s.atOurs.Pause()
	for i := range runs {
		whole, gone, err := s.hand.pass()
		if err == nil {
			err = s.hand.settle()
		}
		if err != nil {
			return fmt.Errorf("by hand: %w", err)
		}
		s.whole, s.bare = append(s.whole, whole), append(s.bare, gone)
		s.atHand.Pause()
		s.atOurs.Resume()
		if gone, err = s.ours.pass(i + 1); err != nil {
			return err
		}
		s.own = append(s.own, gone)
		s.atOurs.Pause()
		s.atHand.Resume()
	}
	return nil
}

func (s *sides) rows(server appServer) {
	ours := s.own.median()
	times := float64(ours) / float64(s.bare.median())
	row(fmt.Sprintf("%s, %d workers under load: SIGUSR2 → old generation gone, over its own re-exec by hand", server.name, crew),
		fmt.Sprintf("%.1f times", reexecLimit),
		fmt.Sprintf("%.2f times (herder %v, by hand %v, of it until the new workers serve %v)", times, s.own, s.bare, s.whole),
		times <= reexecLimit, len(s.own))
	row("the same, over a tenth of unicornherder's overlap", ms(herderSleep/10), ms(ours), ours <= herderSleep/10, len(s.own))
}
