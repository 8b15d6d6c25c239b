package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor"
	"github.com/herderd/herder/supervisor/config"
	"github.com/herderd/herder/supervisor/control"
)

// unicornherder is the command, and the name of the program, by which herder takes the
// place of another one: the same flags, the same files, and the lines of its log that
// people look for (classic.go). The server binds by itself and starts its successor
// when it is asked to (kind reexec), as it always did there. What is otherwise:
//
//  1. The server stays in the foreground: no -D is added. Nothing in an app's
//     configuration depends on it, and so its output reaches the log and its exit
//     status the verdict. A server that leaves by itself is followed all the same.
//  2. USR2 does the whole upgrade, as HUP does. Run scripts send either.
//  3. OVERLAP begins when the new one's workers serve, and ends when the old one has
//     been sent away by the hook of a unicorn.
//  4. BOOT is until the server listens: that is when unicorn became a daemon. Its workers
//     have two minutes more, as those of a successor always had; if they do not serve
//     then, it is given up, where nobody noticed at the first boot.
//  5. A boot that fails ends with a status that is not 0.
const unicornherder = "unicornherder"

// unicornType is what -u names.
type unicornType struct {
	name    string
	program string
	dialect string
	pid     func(path string) []string // says where its pid file is
}

// unicornTypes are all, the default first.
func unicornTypes() []unicornType {
	return []unicornType{
		{"gunicorn", "gunicorn", "gunicorn", flag("-p")},
		{"gunicorn_django", "gunicorn_django", "gunicorn", flag("-p")},
		{"unicorn", "unicorn", "unicorn", flag("-P")},
		{"unicorn_rails", "unicorn_rails", "unicorn_rails", railsPid},
	}
}

func flag(name string) func(string) []string {
	return func(value string) []string { return []string{name, value} }
}

// railsPid: to unicorn_rails -P is the path of URLs, and without -D, which gave it
// tmp/pids/unicorn.pid, it writes no pid file unless its configuration names one. So it
// is told by -e what it has where that names none, also after a HUP.
func railsPid(path string) []string {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(path)
	return flag("-e")("Unicorn::Configurator::DEFAULTS[:pid] = '" + quoted + "'")
}

// Times that are not given on the command line.
const (
	bootTime     = 30 * time.Second
	overlapTime  = 30 * time.Second
	workersTime  = 2 * time.Minute  // to serve, once the server listens
	farewellTime = 70 * time.Second // longer than unicorn lets a request take (timeout: 60 s), and gunicorn (30 s)
)

func unicornherderCommand() *cli.Command {
	return &cli.Command{
		Name:      unicornherder,
		Usage:     "herd a unicorn or gunicorn that binds by itself, in the place of unicornherder",
		ArgsUsage: "[--] ARG…",
		Description: "HUP and USR2 upgrade. The command unicornherder of before needs no other change: a link of that name\n" +
			"to herder does the same.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "unicorn", Aliases: []string{"u"}, Value: "gunicorn", Usage: "`TYPE` of the server: " + strings.Join(unicornNames(), ", ")},
			&cli.StringFlag{Name: "unicorn-bin", Aliases: []string{"b"}, Usage: "the unicorn to run is `FILE`"},
			&cli.StringFlag{Name: "gunicorn-bin", Aliases: []string{"g"}, Usage: "the gunicorn to run is `FILE`"},
			&cli.StringFlag{Name: "pidfile", Aliases: []string{"p"}, Usage: "the server's pid file is `FILE` (default: TYPE.pid)"},
			&cli.IntFlag{Name: "timeout", Aliases: []string{"t"}, Value: int(bootTime.Seconds()), Usage: "give up a server that does not listen after so many `SECONDS`; its workers have 120 more"},
			&cli.IntFlag{Name: "overlap", Aliases: []string{"o"}, Value: int(overlapTime.Seconds()), Usage: "both generations serve for so many `SECONDS`"},
			&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "say which version this is, and no more"},
		},
		Action: runUnicornherder,
	}
}

func unicornNames() (names []string) {
	for _, t := range unicornTypes() {
		names = append(names, t.name)
	}
	return names
}

func runUnicornherder(c *cli.Context) error {
	signals := supervisor.Catch() // first: one that comes from here on is remembered
	if c.Bool("version") {
		fmt.Fprintf(c.App.Writer, "%s (herder %s)\n", unicornherder, versionName())
		return nil
	}
	kind, err := unicornOf(c)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return fail(control.Refused, "cannot tell the working directory: %v: start it in one that is there", err)
	}
	args, _ := c.App.Metadata["command"].([]string)
	flags, err := kind.flags(c, dir, args)
	if err != nil {
		return err
	}
	boot := secondsOf(c, "timeout")
	return start{
		flags: flags, signals: signals, level: logLevel(os.Getenv("UNICORNHERDER_LOGLEVEL")),
		custom: supervisor.Custom{Listens: boot},
		companion: func(log *slog.Logger, cfg *config.Config) supervisor.Companion {
			return &classic{log: log, title: kind.title(), boot: boot, serve: cfg.ReadyTimeout}
		},
	}.run()
}

// unicornOf is the type of server with its program; -b wins over -g, and either over -u.
func unicornOf(c *cli.Context) (unicornType, error) {
	all := unicornTypes()
	i := slices.Index(unicornNames(), c.String("unicorn"))
	if i < 0 {
		return unicornType{}, usage("%s: no server is of type %q%s", unicornherder, c.String("unicorn"), meant(c.String("unicorn"), unicornNames()))
	}
	kind := all[i]
	for _, other := range []struct{ flag, name string }{{"unicorn-bin", "unicorn"}, {"gunicorn-bin", "gunicorn"}} {
		program := c.String(other.flag)
		if program == "" {
			continue
		}
		if !strings.HasPrefix(kind.name, other.name) {
			kind = all[slices.Index(unicornNames(), other.name)]
		}
		kind.program = program
		break
	}
	return kind, nil
}

// flags are those with which `herder run` would do the same. The directory is what the
// shell calls it (PWD), so that a link on the way is followed anew by each upgrade.
func (t unicornType) flags(c *cli.Context, dir string, args []string) (config.Flags, error) {
	boot, overlap := secondsOf(c, "timeout"), secondsOf(c, "overlap")
	if boot <= 0 || overlap < 0 {
		return config.Flags{}, usage("%s: -t must be above zero, and -o not below", unicornherder)
	}
	pidfile := cmp.Or(c.String("pidfile"), c.String("unicorn")+".pid")
	if !filepath.IsAbs(pidfile) {
		pidfile = filepath.Join(dir, pidfile)
	}
	command := append([]string{t.program}, t.pid(pidfile)...)
	flags := config.Flags{Command: append(command, args...)}
	for _, f := range [][3]string{
		{"", "name", herdName(pidfile)}, {"", "directory", dir}, {"-u", "dialect", t.dialect}, {"", "kind", "reexec"},
		{"-p", "pidfile", pidfile}, {"-t", "ready_timeout", (boot + workersTime).String()}, {"-o", "overlap", overlap.String()},
		{"", "stop_timeout", farewellTime.String()}, {"", "start_tries", "1"}, // the supervisor above tries again
	} {
		flags.Values = append(flags.Values, config.Flag{Name: f[0], Key: f[1], Value: f[2]})
	}
	return flags, nil
}

func secondsOf(c *cli.Context, flag string) time.Duration {
	return time.Duration(c.Int(flag)) * time.Second
}

// title is how lines of the log begin: "Unicorn_Rails".
func (t unicornType) title() string {
	words := strings.Split(t.name, "_")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "_")
}

// herdName makes a name of the path of a pid file, which is all that tells two of them
// on one machine apart: its end, as far as it can be read in the name of a folder, and
// a sum of the whole.
func herdName(pidfile string) string {
	const longest = 50
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._", r) {
			return r
		}
		return '-'
	}, strings.TrimSuffix(pidfile, ".pid"))
	readable = strings.Trim(readable[max(0, len(readable)-longest):], ".-")
	return fmt.Sprintf("%s-%.4x", cmp.Or(readable, "app"), sha256.Sum256([]byte(pidfile)))
}

// logLevel reads what Python's logging calls the levels.
func logLevel(name string) slog.Level {
	switch strings.ToUpper(name) {
	case "DEBUG":
		return slog.LevelDebug
	case "WARN", "WARNING":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	case "CRITICAL", "FATAL":
		return slog.LevelError + 4
	}
	return slog.LevelInfo
}
