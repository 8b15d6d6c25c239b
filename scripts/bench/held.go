package main

import (
	"errors"

	"github.com/herderd/herder/supervisor/proc"
)

// held are the processes of one generation, its master first. Each is held by a pidfd, so that its end is seen at once.
type held []*proc.Process

// hold takes a master and all that is below it now.
func hold(master proc.Ref) (held, error) {
	below, err := proc.Proc.Descendants(master.PID)
	if err != nil {
		return nil, err
	}
	var h held
	for _, ref := range append([]proc.Ref{master}, below...) {
		p, err := proc.OpenRef(ref)
		if errors.Is(err, proc.ErrGone) && ref != master {
			continue
		}
		if err != nil {
			h.release()
			return nil, err
		}
		h = append(h, p)
	}
	return h, nil
}

func (h held) master() *proc.Process { return h[0] }

func (h held) awaitEnd() error {
	for _, p := range h {
		if err := death(p); err != nil {
			return err
		}
	}
	return nil
}

func (h held) release() {
	for _, p := range h {
		_ = p.Close()
	}
}
