package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "find every mistake in a configuration",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Value: "herder.toml", Usage: "the configuration `FILE`"},
		},
		Action: check,
	}
}

// check prints a mistake a line, as compilers do, so that editors find the
// place.
func check(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	file := c.String("config")
	cfg, err := config.Load(file, config.Flags{})
	if err == nil {
		for _, w := range cfg.Warnings {
			fmt.Fprintf(c.App.ErrWriter, "%s: warning: %s\n", file, w)
		}
		err = cfg.Look()
	}
	if mistakes, ok := errors.AsType[config.Mistakes](err); ok {
		return &exit{code: control.Refused, text: mistakes.Error()}
	}
	if err != nil {
		return fail(control.Internal, "check: %v", err)
	}
	fmt.Fprintf(c.App.Writer, "%s: dialect %s, kind %s: %s\n", file, cfg.Dialect, cfg.Kind, cfg.DialectWhy)
	fmt.Fprintf(c.App.Writer, "%s: ok\n", file)
	return nil
}
