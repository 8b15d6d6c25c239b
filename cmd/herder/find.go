package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
)

// clientFlags say which herder is meant.
func clientFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "the herder of this `NAME`"},
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the herder of this configuration `FILE`"},
		&cli.StringFlag{Name: "runtime-dir", Usage: "the herder with this runtime `DIR`ectory"},
		&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, Usage: "the herder with this control socket (default: $HERDER_SOCKET, else the only one that runs)"},
	}, more...)
}

// answerTime is how long a herder may take for what it does at once. One that
// is stopped (SIGSTOP) never answers.
const answerTime = 15 * time.Second

// socketOf is the control socket of the herder that is meant: the flags say it,
// else $HERDER_SOCKET, else there is only one.
func socketOf(c *cli.Context) (string, error) {
	if path := c.String("socket"); path != "" {
		return path, nil
	}
	var flags config.Flags
	for flag, key := range map[string]string{"name": "name", "runtime-dir": "runtime_dir"} {
		if c.IsSet(flag) {
			flags.Values = append(flags.Values, config.Flag{Name: "--" + flag, Key: key, Value: c.String(flag)})
		}
	}
	if file := c.String("config"); file != "" || len(flags.Values) > 0 {
		path, err := config.Socket(file, flags)
		if err != nil {
			return "", fail(control.Refused, "%v", err)
		}
		return path, nil
	}
	if path := os.Getenv("HERDER_SOCKET"); path != "" {
		return path, nil
	}
	return theOnly(config.RuntimeBase())
}

// theOnly is the control socket of the only herder in base that answers.
func theOnly(base string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(base, "*", "control.sock"))
	if len(paths) == 0 {
		if _, denied := os.ReadDir(base); errors.Is(denied, fs.ErrPermission) {
			return "", fail(control.NoPermission, "cannot look for herders in %s: permission denied", base)
		}
		return "", fail(control.NotRunning, "no herder runs (none in %s): name one with --name, -c or --socket", base)
	}
	if err != nil {
		return "", usage("cannot look for herders in %s: %v", base, err)
	}
	switch alive := answering(paths); len(alive) {
	case 0:
		return "", fail(control.NotRunning, "no herder runs (none of those in %s answers)", base)
	case 1:
		return alive[0], nil
	default:
		var names []string
		for _, path := range alive {
			names = append(names, filepath.Base(filepath.Dir(path)))
		}
		return "", usage("%d herders run (%s): say which with --name", len(alive), strings.Join(names, ", "))
	}
}

// answering leaves those of the sockets behind which there is somebody, also
// somebody who is slow or does not talk to us.
func answering(paths []string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	dead := make([]bool, len(paths))
	var all sync.WaitGroup
	for i, path := range paths {
		all.Go(func() {
			_, err := control.Call(ctx, path, control.Request{Do: control.DoReady})
			dead[i] = errors.Is(err, control.ErrNotRunning)
		})
	}
	all.Wait()
	var alive []string
	for i, path := range paths {
		if !dead[i] {
			alive = append(alive, path)
		}
	}
	return alive
}

// ask sends a request to the herder that is meant, and waits at most so long;
// 0: until it answers, for as long as that takes.
func ask(c *cli.Context, r control.Request, wait time.Duration) (control.Reply, error) {
	path, err := socketOf(c)
	if err != nil {
		return control.Reply{}, err
	}
	ctx := context.Background()
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	reply, err := control.Call(ctx, path, r)
	if err != nil {
		return reply, fail(control.Code(err), "%s: %v", c.Command.Name, err)
	}
	return reply, nil
}

// refused turns a reply that is not OK into how the command ends.
func refused(c *cli.Context, r control.Reply) error {
	if r.Code == control.OK {
		return nil
	}
	return fail(r.Code, "%s: %s", c.Command.Name, r.Error)
}
