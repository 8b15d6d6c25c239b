package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/supervisor/control"
)

func signalCommand() *cli.Command {
	return &cli.Command{
		Name:      "signal",
		Usage:     "send a signal as it is, for what herder has no word for",
		ArgsUsage: "SIG",
		Flags: clientFlags(
			&cli.StringFlag{Name: "to", Value: "workers", Usage: "`WHO` gets it: workers, master, old"},
		),
		Action: sendSignal,
	}
}

func sendSignal(c *cli.Context) error {
	if c.NArg() != 1 {
		return usage("signal needs the name of one signal, as USR1")
	}
	name := strings.TrimPrefix(strings.ToUpper(c.Args().First()), "SIG")
	if unix.SignalNum("SIG"+name) == 0 {
		return usage("unknown signal %q%s", c.Args().First(), meant(name, signals()))
	}
	to, who := c.String("to"), []string{"workers", "master", "old"}
	if !slices.Contains(who, to) {
		return usage("signal: cannot send to %q%s", to, meant(to, who))
	}
	reply, err := ask(c, control.Request{Do: control.DoSignal, Arg: name, To: to}, answerTime)
	if err != nil {
		return err
	}
	return refused(c, reply)
}

func signals() []string {
	var names []string
	for s := unix.Signal(1); s < 32; s++ {
		names = append(names, strings.TrimPrefix(unix.SignalName(s), "SIG"))
	}
	return names
}
