package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func scaleCommand() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Usage:     "have N workers, N more, or N fewer",
		ArgsUsage: "N|+N|-N",
		Flags:     clientFlags(),
		Action:    scale,
	}
}

func scale(c *cli.Context) error {
	if c.NArg() != 1 {
		return usage("scale needs one number: N, +N or -N")
	}
	arg := c.Args().First()
	digits := strings.TrimLeft(arg, "+-")
	if _, err := strconv.ParseUint(digits, 10, 31); err != nil || len(arg)-len(digits) > 1 {
		return usage("cannot scale to %q: a number is needed, as 4, +1 or -1", arg)
	}
	reply, err := ask(c, control.Request{Do: control.DoScale, Arg: arg}, answerTime)
	if err != nil {
		return err
	}
	if reply.Note != "" {
		fmt.Fprintln(c.App.Writer, reply.Note)
	}
	return refused(c, reply)
}
