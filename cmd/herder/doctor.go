package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look for what is wrong with a herd that runs, a line for each finding; exit 1 when something is",
		Flags: clientFlags(
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`HOW`: table, json"},
		),
		Action: doctor,
	}
}

func doctor(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	how, err := outputOf(c)
	if err != nil {
		return err
	}
	reply, err := ask(c, control.Request{Do: control.DoDoctor}, answerTime)
	switch {
	case err != nil:
		return err
	case reply.Diagnosis == nil && reply.Code == control.OK:
		return fail(control.Internal, "doctor: the herder's answer has no findings in it")
	case reply.Diagnosis == nil:
	case how == "json":
		err = printJSON(c, reply.Diagnosis)
	default:
		findings(c.App.Writer, reply.Diagnosis)
	}
	if err != nil {
		return err
	}
	return refused(c, reply)
}

// findings prints each on one line: how bad, what was looked at, what was found,
// what to do.
func findings(w io.Writer, d *control.Diagnosis) {
	for _, f := range d.Findings {
		line := fmt.Sprintf("%-5s  %s: %s", f.Level, f.Check, f.Detail)
		if f.Do != "" {
			line += "; " + f.Do
		}
		fmt.Fprintln(w, line)
	}
}
