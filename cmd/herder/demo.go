package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/herderd/herder/contrib/hammer"
	"github.com/herderd/herder/supervisor"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "herd a built-in worker, hammer it, upgrade it again and again, and count what is lost",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "for", Value: 10 * time.Second, Usage: "end after `TIME`"},
			&cli.StringFlag{Name: "workers", Value: "2", Usage: "have `N` workers"},
		},
		Action: runDemo,
	}
}

// pauseTime is between two upgrades, so that each generation answers something.
const pauseTime = 100 * time.Millisecond

func runDemo(c *cli.Context) error {
	signals := supervisor.Catch()
	if err := noArguments(c); err != nil {
		return err
	}
	if c.Duration("for") <= 0 {
		return usage("demo: --for must be above zero")
	}
	dir, err := os.MkdirTemp("", "herder-demo-")
	if err != nil {
		return fail(control.Failed, "demo: %v", err)
	}
	defer os.RemoveAll(dir)
	cfg, err := demoConfig(dir, c.String("workers"))
	if err != nil {
		return usage("demo: %v", err)
	}
	d := &demo{
		out: c.App.Writer, live: isTerminal(c.App.Writer), socket: filepath.Join(cfg.RuntimeDir, "control.sock"),
		log: cfg.Env[workerLog], lasts: c.Duration("for"),
	}
	return d.run(cfg, signals)
}

// demoConfig is what `herder run` would make of these flags.
func demoConfig(dir, workers string) (*config.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return config.Load("", config.Flags{
		Values: []config.Flag{
			{Name: "--name", Key: "name", Value: "demo"},
			{Name: "--bind", Key: "bind", Value: "127.0.0.1:0,name=demo"},
			{Name: "--workers", Key: "workers", Value: workers},
			{Name: "--runtime-dir", Key: "runtime_dir", Value: filepath.Join(dir, "run")},
			{Name: "--env", Key: "env", Value: workerLog + "=" + filepath.Join(dir, "log")},
		},
		Command: []string{self, demoWorker},
	})
}

// demo is one run of it, as a user of a herder which happens to be in the same
// process: all it knows of it comes through the control socket.
type demo struct {
	out      io.Writer
	live     bool // a terminal: write over the line
	socket   string
	log      string // of the workers
	lasts    time.Duration
	upgrades int
	failed   string
	left     bool // the herder went before it was asked to: ^C
}

func (d *demo) run(cfg *config.Config, signals *supervisor.Signals) error {
	var problems strings.Builder
	ctx, gone := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer gone()
		supervisor.Run(supervisor.Options{
			Config: cfg, Log: demoLog(&problems), Signals: signals,
			Reload: func() (*config.Config, error) { return cfg, nil },
		})
	}()
	report, err := d.hammer(ctx)
	_, _ = d.ask(context.Background(), control.Request{Do: control.DoStop}) // it may have left by itself
	<-ended
	if err != nil {
		return fail(control.Failed, "demo: %v\n%s", err, problems.String())
	}
	return d.account(report)
}

// hammer waits until the first generation serves, then upgrades under load
// until the time is over or the herder ends (somebody pressed ^C).
func (d *demo) hammer(ctx context.Context) (hammer.Report, error) {
	address, err := d.address(ctx)
	if err != nil {
		return hammer.Report{}, err
	}
	fmt.Fprintf(d.out, "serving on %s; requests on 4 connections kept alive and 4 of one request each; upgrades for %s\n", address, d.lasts)
	began := time.Now()
	h := hammer.Start(context.Background(), hammer.Target{Network: "tcp", Address: address, Connections: 4, OneShot: 4, Log: d.log})
	over := time.NewTimer(d.lasts)
	defer over.Stop()
	for goOn := true; goOn && d.failed == ""; {
		d.upgrade(ctx, h, began)
		select {
		case <-ctx.Done():
			d.left, goOn = true, false
		case <-over.C:
			goOn = false
		case <-time.After(pauseTime):
		}
	}
	if d.live {
		fmt.Fprintln(d.out)
	}
	return h.Stop(), nil
}

// address is where the herder listens, once it serves.
func (d *demo) address(ctx context.Context) (string, error) {
	for ctx.Err() == nil {
		r, err := d.ask(ctx, control.Request{Do: control.DoStatus})
		if err == nil && r.Status != nil && r.Status.Serving != nil && len(r.Status.Listeners) == 1 {
			return strings.TrimPrefix(r.Status.Listeners[0].Address, "tcp:"), nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	return "", errors.New("no generation came to serve")
}

func (d *demo) ask(ctx context.Context, r control.Request) (control.Reply, error) {
	return control.Call(ctx, d.socket, r)
}

// upgrade asks for one and shows how it went. A herder that was told to leave
// fails to upgrade, but then it leaves.
func (d *demo) upgrade(ctx context.Context, h *hammer.Hammer, began time.Time) {
	r, err := d.ask(ctx, control.Request{Do: control.DoUpgrade})
	if err != nil || r.Code != control.OK {
		select {
		case <-ctx.Done():
		case <-time.After(answerTime):
			d.failed = complaint(r)
			if err != nil {
				d.failed = err.Error()
			}
		}
		return
	}
	d.upgrades++
	generation, took := d.upgrades+1, ""
	if v := r.Verdict; v != nil {
		generation, took = v.To, " after "+seconds(v.Seconds)
	}
	line := fmt.Sprintf("%5.1f s  %7d requests answered  generation %d serves%s", time.Since(began).Seconds(), h.Answered(), generation, took)
	if d.live {
		fmt.Fprintf(d.out, "\r%s\x1b[K", line)
		return
	}
	fmt.Fprintln(d.out, line)
}

// account ends the demo with what it was about.
func (d *demo) account(r hammer.Report) error {
	if d.left { // what was in hand then is lost by intention
		return fail(control.Failed, "demo: ended early, after %d requests and %d upgrades", r.Sent, d.upgrades)
	}
	fmt.Fprintf(d.out, "%d requests, %d upgrades, %d lost\n", r.Sent, d.upgrades, r.Lost())
	switch {
	case d.failed != "":
		return fail(control.Failed, "demo: %s", d.failed)
	case r.Lost() > 0:
		return fail(control.Failed, "demo: %s", r.String())
	case r.Answered == 0:
		return fail(control.Failed, "demo: no request was answered")
	case d.upgrades == 0:
		return fail(control.Failed, "demo: there was no time for an upgrade; give it more with --for")
	}
	return nil
}

// isTerminal: only there a line can be written over.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
