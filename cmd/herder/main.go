package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/master"
)

func main() {
	if filepath.Base(os.Args[0]) == starterName {
		os.Exit(startServer(os.Args[1:], os.Stdout, os.Stderr))
	}
	// The native master and the demo's workers are this binary too. They start
	// once a generation, so they do not wait for a command line to be built.
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "master":
			os.Exit(master.Run())
		case demoWorker:
			os.Exit(demoWorkerMain())
		}
	}
	os.Exit(herder(called(os.Args), os.Stdout, os.Stderr))
}

// called is the command line behind the name of the program, which may be that of
// another program and is then a command of herder's.
func called(argv []string) []string {
	if len(argv) > 0 && filepath.Base(argv[0]) == unicornherder {
		return append([]string{unicornherder}, argv[1:]...)
	}
	return argv[min(1, len(argv)):]
}

// herder runs one command line and returns its exit code.
func herder(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == starterName {
		return startServer(args[1:], stdout, stderr)
	}
	app := newApp(stdout, stderr)
	line, err := arrange(app, args)
	if err == nil {
		app.Metadata = map[string]any{"command": line.command}
		err = app.Run(line.argv)
	}
	if err == nil {
		return control.OK
	}
	end, ok := errors.AsType[*exit](err)
	if !ok {
		end = usage("%v", err)
	}
	for text := range strings.SplitSeq(end.text, "\n") {
		if text != "" {
			fmt.Fprintln(stderr, end.prefix+text)
		}
	}
	return end.code
}

// exit is how a command that did not go well ends.
type exit struct {
	code   int
	text   string // lines, or nothing
	prefix string // of each line
}

func (e *exit) Error() string { return e.text }

// fail ends a command with this code and "herder: …".
func fail(code int, format string, args ...any) *exit {
	return &exit{code, fmt.Sprintf(format, args...), "herder: "}
}

// usage is a mistake in the command line.
func usage(format string, args ...any) *exit { return fail(control.Usage, format, args...) }

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:        "herder",
		HelpName:    "herder",
		Usage:       "herds the workers of one app, and upgrades them without losing a request",
		HideVersion: true, // there is a command for it
		// An option of a listener comes after a comma.
		DisableSliceFlagSeparator: true,
		HideHelpCommand:           true,
		Commands: []*cli.Command{
			runCommand(), checkCommand(), statusCommand(), upgradeCommand(), stopCommand(), scaleCommand(),
			signalCommand(), readyCommand(), doctorCommand(), dialectsCommand(), versionCommand(), demoCommand(),
			unicornherderCommand(), startServerCommand(),
		},
		ExitErrHandler: func(*cli.Context, error) {}, // herder does it
		OnUsageError:   onUsageError,
		Writer:         stdout,
		ErrWriter:      stderr,
	}
	for _, c := range app.Commands {
		c.HideHelpCommand = true // "help" is an argument like any other
		c.OnUsageError = onUsageError
	}
	return app
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	return usage("%s: %v", c.Command.Name, err)
}
