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
	manyReexecs = 100
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
	ours, err := b.startServer(server, true)
	if err != nil {
		return err
	}
	defer ours.end()
	bared, herded := hammerAt(b, hand.release), hammerAt(b, ours.release)
	took, err := b.sideBySide(hand, bared, ours, herded)
	if err == nil {
		took.rows(server, b.runs)
	}
	barely := bared.Stop()
	hand.end()
	if err == nil {
		err = ours.again(server.name+" of kind reexec", herded)
	} else {
		herded.Stop()
	}
	if barely.Lost() > 0 {
		fmt.Fprintln(os.Stderr, "by hand:", barely)
	}
	return err
}

func hammerAt(b *bench, r release) *hammer.Hammer {
	return hammer.Start(b.ctx, hammer.Target{Network: "tcp", Address: r.address, Log: r.log})
}

// both are the times of the same upgrades, by hand and by herder.
type both struct{ bareWhole, bareGone, gone times }

// sideBySide takes turns. Who does not have his turn has no load.
func (b *bench) sideBySide(hand *byHand, bared *hammer.Hammer, ours *servers, herded *hammer.Hammer) (t both, err error) {
	herded.Pause()
	defer herded.Resume()
	for i := range b.runs {
		whole, gone, err := hand.pass()
		if err == nil {
			err = hand.settle()
		}
		if err != nil {
			return t, fmt.Errorf("by hand: %w", err)
		}
		t.bareWhole, t.bareGone = append(t.bareWhole, whole), append(t.bareGone, gone)
		bared.Pause()
		herded.Resume()
		gone, err = ours.pass(i + 1)
		if err != nil {
			return t, err
		}
		t.gone = append(t.gone, gone)
		herded.Pause()
		bared.Resume()
	}
	return t, nil
}

func (t both) rows(server appServer, runs int) {
	ratio := float64(t.gone.median()) / float64(t.bareGone.median())
	row(fmt.Sprintf("%s with %d workers under load: SIGUSR2 → old generation gone, as a multiple of the same by hand", server.name, crew),
		fmt.Sprintf("%.1f", reexecLimit), fmt.Sprintf("%.2f (herder %v, by hand %v, of it %v until the new workers serve)", ratio, t.gone, t.bareGone, t.bareWhole),
		ratio <= reexecLimit, runs)
	row("the same, next to unicornherder's overlap of "+herderSleep.String(), ms(herderSleep/10),
		fmt.Sprintf("%s, %.0f times as fast", ms(t.gone.median()), herderSleep.Seconds()/t.gone.median().Seconds()), t.gone.median() <= herderSleep/10, runs)
}
