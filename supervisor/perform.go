package supervisor

import (
	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/herd"
)

// perform does what the core decided, in its order. Each effect is one line
// of the log, at debug where a note already tells the story. Who has asked hears of it
// when all of it is done: then the pid files name who serves.
func (h *Herder) perform(effects []herd.Effect) {
	for _, e := range effects {
		h.log.Debug("effect", "do", e.String())
		h.queue = append(h.queue, h.performOne(e)...)
		h.tellCompanion(e)
	}
	for _, answer := range h.answers {
		answer()
	}
	h.answers = nil
}

func (h *Herder) performOne(e herd.Effect) []herd.Event {
	switch e := e.(type) {
	case herd.Check:
		h.log.Info("preflight")
		h.kernel.Check(e.Try)
	case herd.Spawn:
		h.log.Info("starting a generation", "generation", e.Gen)
		return h.kernel.Spawn(e.Gen, e.Workers)
	case herd.Follow:
		return h.kernel.Follow(e.Gen)
	case herd.Tell:
		return h.kernel.Tell(e)
	case herd.Seal:
		return h.kernel.Seal(e.Gen)
	case herd.Publish:
		return h.kernel.Publish(e)
	case herd.Adopt:
		return h.kernel.Adopt(e.Gen)
	case herd.Release:
		h.log.Info("generation gone", "generation", e.Gen)
		h.kernel.Release(e.Gen)
	case herd.Reply:
		h.reply(e.ID, refusal(e))
	case herd.Conclude:
		h.conclude(e)
	case herd.Note:
		h.note(e)
	case herd.Bug:
		h.log.Error("bug: "+e.Text+"; please report this", "state", h.core.Snapshot().Phase.String())
	case herd.Leave:
		h.log.Info("leaving", "verdict", e.Verdict.String())
	}
	return nil
}

// note logs a decision; one of the whole herd names no generation.
func (h *Herder) note(n herd.Note) {
	if n.Gen == 0 {
		h.log.Info(n.Text)
		return
	}
	h.log.Info(n.Text, "generation", n.Gen)
}

// conclude keeps the verdict for the status and tells those who wait for it.
func (h *Herder) conclude(e herd.Conclude) {
	v := verdict(e.Verdict)
	v.Serves = h.servesNow()
	if e.Verdict.Outcome == herd.RolledBack {
		_, v.Tail = h.kernel.Look(e.Verdict.To)
	}
	h.last = &v
	h.kernel.Forget()
	h.log.Info("upgrade ended", "verdict", v.Verdict, "reason", v.Reason, "from", v.From, "to", v.To, "seconds", v.Seconds)
	for _, id := range e.IDs {
		h.reply(id, control.Reply{Code: code(e.Verdict.Outcome), Error: failure(e.Verdict), Verdict: &v})
	}
}

// servesNow is the generation that serves and has its master; 0: none.
func (h *Herder) servesNow() int {
	s := h.core.Snapshot()
	for _, g := range s.Generations {
		if g.Number == s.Serving && !g.Headless {
			return g.Number
		}
	}
	return 0
}

// reply answers one caller; its channel has room, so this never waits.
func (h *Herder) reply(id int, r control.Reply) {
	if c, ok := h.callers[id]; ok {
		h.answers = append(h.answers, func() { c <- r })
		delete(h.callers, id)
	}
}

func refusal(e herd.Reply) control.Reply {
	if e.Outcome == herd.Accepted {
		return control.Reply{Note: e.Why}
	}
	return control.Reply{Code: code(e.Outcome), Error: e.Why}
}

// code is the exit code of the command that asked (README, exit codes).
func code(o herd.Outcome) int {
	switch o {
	case herd.Accepted, herd.Upgraded, herd.Stopped:
		return control.OK
	case herd.Busy:
		return control.Busy
	case herd.Refused:
		return control.Refused
	}
	return control.Failed
}

func failure(v herd.Verdict) string {
	if v.Outcome == herd.Upgraded {
		return ""
	}
	return v.Outcome.String() + ": " + v.Reason
}

func verdict(v herd.Verdict) control.Verdict {
	return control.Verdict{
		Verdict: v.Outcome.String(), Reason: v.Reason, From: v.From, To: v.To, Seconds: v.Took.Seconds(),
	}
}
