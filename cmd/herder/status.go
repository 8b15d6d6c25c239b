package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show the generations, a line each",
		Flags: clientFlags(
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`HOW`: table, json"},
		),
		Action: status,
	}
}

func status(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	how, err := outputOf(c)
	if err != nil {
		return err
	}
	reply, err := ask(c, control.Request{Do: control.DoStatus}, answerTime)
	if e, ok := err.(*exit); ok && e.code == control.NotRunning {
		e.code = control.StatusDown // as in the LSB: 3 is a program that does not run
	}
	if err == nil {
		err = refused(c, reply)
	}
	switch {
	case err != nil:
		return err
	case reply.Status == nil:
		return fail(control.Internal, "status: the herder's answer has no status in it")
	case how == "json":
		return printJSON(c, reply.Status)
	}
	return table(c.App.Writer, reply.Status, time.Now())
}

// outputOf is how the answer is to be printed: for people or for programs.
func outputOf(c *cli.Context) (string, error) {
	formats := []string{"table", "json"}
	how := c.String("output")
	if !slices.Contains(formats, how) {
		return "", usage("%s: cannot print %q%s", c.Command.Name, how, meant(how, formats))
	}
	return how, nil
}

func printJSON(c *cli.Context, answer any) error {
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return fail(control.Internal, "%s: %v", c.Command.Name, err)
	}
	fmt.Fprintf(c.App.Writer, "%s\n", text)
	return nil
}

// table is plain ASCII in a fixed order, a line for each generation, or one
// when there is none.
func table(to io.Writer, s *control.Status, now time.Time) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tGEN\tSTATE\tREADY\tMASTER\tRESTARTS\tQUEUED\tUPTIME\tNOTE")
	if s.Serving == nil {
		fmt.Fprintf(w, "%s\t-\t%s\t-\t-\t-\t%s\t-\t%s\n", s.Name, s.State, queued(s.Listeners), note(s, now))
	} else {
		// The state of the herd is that of the generation that serves.
		row(w, s, s.Serving, s.State, queued(s.Listeners), note(s, now), now)
	}
	if s.Successor != nil {
		row(w, s, s.Successor, "successor", "-", "not ready yet", now)
	}
	for i := range s.Retiring {
		g := &s.Retiring[i]
		row(w, s, g, "retiring", "-", fmt.Sprintf("workers not gone yet: %d", len(g.Workers)), now)
	}
	return w.Flush()
}

func row(w io.Writer, s *control.Status, g *control.Generation, state, queued, note string, now time.Time) {
	ready, restarts := 0, 0
	for _, worker := range g.Workers {
		restarts += worker.Restarts
		if worker.State == "up" {
			ready++
		}
	}
	pid, start := "-", time.Time{}
	if g.Master != nil {
		pid, start = strconv.Itoa(g.Master.PID), g.Master.Start
	} else {
		note = strings.TrimSuffix("no master; "+note, "; ")
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%d/%d\t%s\t%d\t%s\t%s\t%s\n", s.Name, g.Generation, state, ready, g.Want,
		pid, restarts, queued, uptime(start, now), note)
}

// queued is what waits at all listeners, and how much room there is. A socket
// for datagrams counts bytes, which are shown beside the connections.
func queued(ls []control.Listener) string {
	waits, room, bytes := 0, 0, -1
	for _, l := range ls {
		if l.Network == "udp" || l.Network == "unixgram" {
			bytes = max(0, bytes) + l.Queued
		} else {
			waits, room = waits+l.Queued, room+l.Backlog
		}
	}
	var parts []string
	if room > 0 || bytes < 0 && len(ls) > 0 {
		parts = append(parts, fmt.Sprintf("%d/%d", waits, room))
	}
	if bytes >= 0 {
		parts = append(parts, inBytes(bytes))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, "+")
}

// inBytes is without a blank, so that the table stays one of columns.
func inBytes(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%dB", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1fkB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1fMB", float64(n)/1000_000)
}

// note says what is wrong, if anything is: that the herd waits to start again,
// or that the last upgrade came to nothing.
func note(s *control.Status, now time.Time) string {
	line := func(reason string) string {
		first, _, _ := strings.Cut(reason, "\n")
		return first
	}
	switch v, next := s.LastUpgrade, s.NextStart; {
	case next != nil:
		return fmt.Sprintf("next try in %s: %s", span(next.At.Sub(now)), line(next.Reason))
	case v != nil && v.Verdict != control.Upgraded:
		return fmt.Sprintf("last upgrade %s: %s", v.Verdict, line(v.Reason))
	}
	return ""
}

func uptime(start, now time.Time) string {
	if start.IsZero() {
		return "-"
	}
	return span(now.Sub(start))
}

// span has the two largest units only, as in 2d4h.
func span(d time.Duration) string {
	s := int(max(0, d) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
}
