package hammer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report is the account of a run.
type Report struct {
	Sent     int // numbers used
	Answered int // of them answered, whole and by the right line
	Logged   int // of them in the log of the workers; equal to Answered when no log was given
	Retried  int // sent again, because a keep-alive connection was closed without an answer (not a loss)
	Excused  int // in the hands of a process that was killed (not a loss)

	Faults      map[string]int // the losses by kind
	Generations map[int]int    // answers by generation
	First       []string       // the first few losses in words
}

const maxFirst = 10

// Lost is the number of requests which were not answered or not logged exactly once.
func (r Report) Lost() int {
	lost := 0
	for _, n := range r.Faults {
		lost += n
	}
	return lost
}

// String says everything in one line, and the first losses in lines below it.
func (r Report) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "sent %d, answered %d, logged %d, lost %d, retried %d, excused %d, generations",
		r.Sent, r.Answered, r.Logged, r.Lost(), r.Retried, r.Excused)
	for _, g := range slices.Sorted(maps.Keys(r.Generations)) {
		fmt.Fprintf(&s, " %d:%d", g, r.Generations[g])
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(&s, "; %s %d", kind, r.Faults[kind])
	}
	for _, line := range r.First {
		s.WriteString("\n  " + line)
	}
	return s.String()
}

// lose counts one loss.
func (r *Report) lose(id int, o outcome) {
	r.Faults[string(o.fault)]++
	if len(r.First) < maxFirst {
		where := "new connection"
		if o.reused {
			where = fmt.Sprintf("connection used before, by pid %d", o.owner)
		}
		r.First = append(r.First, fmt.Sprintf("request %d: %s (%s): %s", id, o.fault, where, o.detail))
	}
}

// account compares what was sent with what was answered and what the workers logged.
func account(t Target, sent []outcome, killed []int) Report {
	r := Report{Sent: len(sent), Faults: map[string]int{}, Generations: map[int]int{}}
	log, err := readLog(t.Log, t.First, len(sent))
	if err != nil {
		r.Faults[string(unlogged)]++
		r.First = append(r.First, err.Error())
	}
	e := excuses{killed: killed, left: len(killed) * (t.Connections + t.OneShot)}
	for i, o := range sent {
		r.Retried += o.retried
		o = log.check(t.First+i, o)
		if log.line(t.First+i).times > 0 {
			r.Logged++
		}
		switch {
		case o.fault == none:
			r.Answered++
			r.Generations[o.answer.generation]++
		case e.accepts(o, log.line(t.First+i)):
			r.Excused++
		default:
			r.lose(t.First+i, o)
		}
	}
	if log == nil {
		r.Logged = r.Answered
	}
	return r
}

// excuses decides which losses are those of killed processes. A client has one request in hand at a time, so a kill can
// cost at most one request for each client.
type excuses struct {
	killed []int
	left   int
}

func (e *excuses) accepts(o outcome, log logLine) bool {
	again := o.fault == doubled && o.retried > 0 && log.times == 2
	switch {
	case e.left == 0:
		return false
	case again && slices.Contains(e.killed, log.first.pid) && log.last == o.answer:
		// The killed process had logged it but not answered, so it was rightly sent again.
	case o.fault != reset && o.fault != closed && o.fault != garbled:
		return false
	case o.reused && !slices.Contains(e.killed, o.owner):
		return false // this connection belonged to somebody who was not killed
	case log.times > 0 && !slices.Contains(e.killed, log.last.pid):
		return false // somebody who was not killed had it in hand
	}
	e.left--
	return true
}
