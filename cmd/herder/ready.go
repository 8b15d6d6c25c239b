package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func readyCommand() *cli.Command {
	return &cli.Command{
		Name:  "ready",
		Usage: "exit 0 when a generation serves, else 1: runit's ./check, a container's probe",
		Flags: clientFlags(
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say it in words too"},
		),
		Action: isReady,
	}
}

// isReady is asked again and again by programs, so it says nothing unless it is
// asked wrongly.
func isReady(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	reply, err := ask(c, control.Request{Do: control.DoReady}, answerTime)
	text := reply.Error
	if err == nil && reply.Code == control.OK {
		if c.Bool("verbose") {
			fmt.Fprintln(c.App.Writer, reply.Note)
		}
		return nil
	}
	if err != nil {
		text = err.Error()
	}
	if !c.Bool("verbose") {
		text = ""
	}
	return fail(control.Failed, "%s", text)
}
