package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/control"
	"github.com/herderd/herder/supervisor/dialect"
)

func dialectsCommand() *cli.Command {
	return &cli.Command{
		Name:      "dialects",
		Usage:     "show what herder knows of servers",
		ArgsUsage: "[NAME]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`HOW`: table, json"},
		},
		Action: dialects,
	}
}

func dialects(c *cli.Context) error {
	how, err := outputOf(c)
	if err != nil {
		return err
	}
	if c.NArg() > 1 {
		return usage("dialects shows one dialect or all, so what is %q?", c.Args().Get(1))
	}
	name := c.Args().First()
	row, ok := dialect.Find(name)
	switch w := c.App.Writer; {
	case name == "" && how == "json":
		return printDialects(w, facts(dialect.Rows()))
	case name == "":
		return dialectTable(w, facts(dialect.Rows()))
	case !ok:
		return usage("dialects: no dialect is called %q%s", name, meant(name, dialect.Names()))
	case how == "json":
		return printDialects(w, newFact(row))
	default:
		return dialectPage(w, newFact(row))
	}
}

// fact is a dialect for people and programs; its keys in JSON do not change.
type fact struct {
	Name       string            `json:"name"`
	About      string            `json:"about"`
	Programs   []string          `json:"programs"`
	Modules    []string          `json:"python_modules"`
	Kind       string            `json:"kind"`
	Alone      string            `json:"kind_without_listeners"`
	Says       map[string]string `json:"signals"`
	Sockets    []string          `json:"sockets_by"`
	Daemon     []string          `json:"sockets_by_as_daemon"`
	Wait       string            `json:"listener"`
	PublicName bool              `json:"bound_at_public_path"`
	Ready      []string          `json:"ready"`
	Args       []string          `json:"added_to_command"`
	Beside     []string          `json:"added_to_fresh_command"`
	Pidfiles   string            `json:"pid_file_of_the_other_master"`
	Clean      []string          `json:"clean_ends"`
	Scrub      []string          `json:"variables_not_passed_on"`
	Traps      []string          `json:"traps"`
}

func newFact(r dialect.Row) fact {
	f := fact{
		Name: r.Name, About: r.About, Programs: some(r.Programs), Modules: some(r.Modules),
		Kind: r.Kind.String(), Alone: r.Alone.String(), Says: r.Spelling(),
		Sockets: some(r.Means.Names()), Daemon: some(r.DaemonMeans.Names()), Wait: r.Wait.String(), PublicName: r.PublicName,
		Ready: readyBy(r), Args: some(r.Args), Beside: some(r.Beside), Pidfiles: r.Pidfiles.String(),
		Clean: some(r.Clean), Scrub: some(r.Scrub), Traps: some(r.Traps),
	}
	return f
}

// readyBy is what ready = auto goes by where there are listeners: a server's own master
// is asked nothing, its workers are seen to wait.
func readyBy(r dialect.Row) []string {
	switch {
	case r.Kind != dialect.Pool:
		return []string{"armed"}
	case r.SaysReady:
		return []string{"notify"}
	case r.EarlyReady:
		return []string{"fd", "armed"}
	}
	return []string{"notify", "fd", "armed"}
}

// some is never null in JSON.
func some(words []string) []string { return append([]string{}, words...) }

func facts(rows []dialect.Row) []fact {
	fs := make([]fact, len(rows))
	for i, r := range rows {
		fs[i] = newFact(r)
	}
	return fs
}

func printDialects(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fail(control.Internal, "dialects: %v", err)
	}
	fmt.Fprintf(w, "%s\n", text)
	return nil
}

func dialectTable(to io.Writer, fs []fact) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tALONE\tGRACEFUL\tQUICK\tSOCKETS BY\tREADY\tABOUT")
	for _, f := range fs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, f.Kind, f.Alone, f.Says["graceful"], f.Says["quick"],
			list(f.Sockets, ","), list(f.Ready, ","), f.About)
	}
	return w.Flush()
}

// list is "-" where there is nothing.
func list(words []string, between string) string { return cmp.Or(strings.Join(words, between), "-") }

// dialectPage is everything about one dialect, a line each.
func dialectPage(to io.Writer, f fact) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	line := func(what string, words ...string) {
		if all := list(words, ", "); all != "-" {
			fmt.Fprintf(w, "%s\t%s\n", what, all)
		}
	}
	line("name", f.Name)
	line("about", f.About)
	line("programs", f.Programs...)
	line("python -m", f.Modules...)
	line("kind", f.Kind)
	line("kind without listeners", f.Alone)
	for _, v := range dialect.Verbs() {
		line(v.String(), f.Says[v.String()])
	}
	line("sockets by", f.Sockets...)
	line("sockets by, as daemon", f.Daemon...)
	line("listener", f.Wait)
	if f.PublicName {
		line("unix path", "bound at the very path that clients connect to")
	}
	line("ready", f.Ready...)
	line("added to the command", dialect.Quote(f.Args))
	line("added, if fresh", dialect.Quote(f.Beside))
	line("pid file of the other", f.Pidfiles)
	line("ends well by", f.Clean...)
	line("not passed on", f.Scrub...)
	for _, t := range f.Traps {
		line("beware", t)
	}
	return w.Flush()
}
