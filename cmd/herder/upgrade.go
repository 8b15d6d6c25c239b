package main

import (
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func upgradeCommand() *cli.Command {
	return &cli.Command{
		Name:  "upgrade",
		Usage: "start a new generation, and wait until it serves or the old one goes on",
		Flags: clientFlags(
			&cli.DurationFlag{Name: "timeout", Usage: "wait no longer than `TIME`; the upgrade goes on (exit code 124)"},
		),
		Action: upgrade,
	}
}

func upgrade(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	request := control.Request{Do: control.DoUpgrade}
	wait := c.Duration("timeout")
	switch {
	case c.IsSet("timeout") && wait <= 0:
		return usage("upgrade: --timeout must be above zero")
	case wait > 0:
		request.Timeout = wait.String()
		wait += answerTime // the herder says it better
	}
	reply, err := ask(c, request, wait)
	if err != nil {
		return err
	}
	if reply.Code != control.OK {
		return fail(reply.Code, "%s", complaint(reply))
	}
	report(c.App.Writer, reply)
	return nil
}

func report(w io.Writer, r control.Reply) {
	if v := r.Verdict; v != nil {
		fmt.Fprintf(w, "upgraded: generation %d serves, after generation %d, in %s\n", v.To, v.From, seconds(v.Seconds))
	} else if r.Note != "" {
		fmt.Fprintln(w, r.Note)
	}
}

// complaint is the verdict in one line and, when something was started that
// failed, what it wrote last, a line each.
func complaint(r control.Reply) string {
	text := "upgrade: " + r.Error
	v := r.Verdict
	if v == nil {
		return text
	}
	switch v.Verdict {
	case control.RolledBack:
		text = fmt.Sprintf("upgrade rolled back after %s: generation %d: %s; %s", seconds(v.Seconds), v.To, v.Reason, remains(v))
	case control.NotTried:
		text = "upgrade refused, nothing has changed: " + v.Reason
	}
	for _, line := range v.Tail {
		text += "\n| " + line
	}
	return text
}

// remains says what a failed upgrade has left.
func remains(v *control.Verdict) string {
	if v.Serves == 0 {
		return fmt.Sprintf("generation %d is gone, so another one is tried", v.From)
	}
	return fmt.Sprintf("generation %d serves on", v.Serves)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
