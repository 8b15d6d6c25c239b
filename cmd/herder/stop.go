package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
)

func stopCommand() *cli.Command {
	return &cli.Command{
		Name:  "stop",
		Usage: "let workers finish what they have in hand, end the herd and the herder",
		Flags: clientFlags(
			&cli.BoolFlag{Name: "now", Usage: "do not let them finish"},
		),
		Action: stop,
	}
}

// stop returns when the herder is gone. Its answer and its end race, so that
// the line going dead is an answer too.
func stop(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	path, err := socketOf(c)
	if err != nil {
		return err
	}
	reply, err := control.CallToTheEnd(c.Context, path, control.Request{Do: control.DoStop, Now: c.Bool("now")})
	if err != nil && !errors.Is(err, control.ErrNoAnswer) {
		return fail(control.Code(err), "stop: %v", err)
	}
	return refused(c, reply)
}
