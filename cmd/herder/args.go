package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/herderd/herder/supervisor/config"
)

// cli/v2 stops looking for flags at the first argument, says "Incorrect Usage"
// and a page more when it meets one it does not know, and exits with 3, our
// "not running", for a command it does not know. So the words are put in order
// before it sees them:
//
//  1. The first word that is no flag is the command.
//  2. Flags may stand before it and anywhere after it. One that takes a value
//     takes the next word, whatever it looks like.
//  3. A minus with digits behind it is a number, not a flag: scale -2.
//  4. Everything behind -- is left as it is: the command of run, arguments of
//     any other.
//  5. Of unicornherder, the first word that is no flag of its own begins what is
//     behind --, as if that stood before it.
//  6. Its own flags may be written as argparse took them: --pid FILE, -pFILE.

// line is a command line in the order that cli/v2 wants.
type line struct {
	argv    []string
	command []string // what comes behind --; nil: no --
}

func arrange(app *cli.App, args []string) (line, error) {
	var l line
	if i := slices.Index(args, "--"); i >= 0 {
		args, l.command = args[:i], args[i+1:]
		l.command = append([]string{}, l.command...)
	}
	if slices.Equal(args, []string{"-v"}) { // with a command it is that one's: ready -v
		args = []string{"--version"}
	}
	cmd, err := findCommand(app, args)
	if err != nil {
		return l, err
	}
	if cmd == nil { // help
		l.argv = []string{"herder", "--help"}
		return l, nil
	}
	if cmd.Name == unicornherder {
		if args, l.command, err = remainder(cmd, args, l.command); err != nil {
			return l, err
		}
	}
	flags, rest, err := part(cmd, args)
	if err != nil {
		return l, err
	}
	l.argv = slices.Concat([]string{"herder", cmd.Name}, flags, []string{"--"}, rest[1:])
	if cmd.Name != "run" && cmd.Name != unicornherder {
		l.argv = append(l.argv, l.command...)
	}
	return l, nil
}

// findCommand is the command that args name; nil when they ask for help.
func findCommand(app *cli.App, args []string) (*cli.Command, error) {
	name, stray := "", ""
	var names []string
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	for i := 0; i < len(args) && name == ""; i++ {
		switch a := args[i]; {
		case !isFlag(a):
			name = a
		case a == "-h" || a == "--help":
			return nil, nil
		case a == "--version":
			name = "version"
		case takesNext(app.Commands, a):
			i++
		case !knownToAny(app.Commands, a):
			stray = a
		}
	}
	if name == "help" {
		return nil, nil
	}
	if name == "" && stray != "" {
		return nil, usage("unknown flag %s, and no command (herder help lists them)", flagName(stray))
	}
	if name == "" {
		return nil, usage("no command: one of %s (herder help says more)", strings.Join(names, ", "))
	}
	if i := slices.Index(names, name); i >= 0 {
		return app.Commands[i], nil
	}
	return nil, usage("unknown command %q%s", name, meant(name, names))
}

// remainder is rules 5 and 6; behind is what came behind --, nil if there was none.
func remainder(cmd *cli.Command, args, behind []string) (own, all []string, err error) {
	named := false
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case isFlag(a):
			if a, err = spell(cmd, a); err != nil {
				return nil, nil, err
			}
		case named:
			if behind != nil {
				behind = append([]string{"--"}, behind...)
			}
			return own, append(slices.Clone(args[i:]), behind...), nil
		default:
			named = true // the command itself
		}
		own = append(own, a)
		if isFlag(a) && takesNext([]*cli.Command{cmd}, a) && i+1 < len(args) {
			i++
			own = append(own, args[i])
		}
	}
	return own, behind, nil
}

// spell writes a flag as the others are: rule 6. What is none is left as it is.
func spell(cmd *cli.Command, word string) (string, error) {
	if known(cmd, word) != nil {
		return word, nil
	}
	if word[1] != '-' {
		if short := word[:2]; takesNext([]*cli.Command{cmd}, short) {
			return short + "=" + word[2:], nil
		}
		return word, nil
	}
	name, value, given := strings.Cut(word, "=")
	whole, err := config.Whole(name, append(longFlags(cmd), "--help"))
	switch {
	case err != nil:
		return "", usage("%s: %v", cmd.Name, err)
	case whole == "":
		return word, nil
	case given:
		return whole + "=" + value, nil
	}
	return whole, nil
}

// part tells flags with their values from arguments, of which the command is
// the first.
func part(cmd *cli.Command, args []string) (flags, rest []string, err error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case !isFlag(a):
			rest = append(rest, a)
		case a == "--version" && known(cmd, a) == nil:
			rest = append(rest, "version")
		case a == "-h" || a == "--help":
			flags = append(flags, a)
		case known(cmd, a) == nil:
			return nil, nil, usage("%s: unknown flag %s%s", cmd.Name, flagName(a), meantFlag(cmd, a))
		case !takesNext([]*cli.Command{cmd}, a):
			flags = append(flags, a)
		case i+1 == len(args):
			return nil, nil, usage("%s: %s needs a value", cmd.Name, a)
		default:
			flags = append(flags, a+"="+args[i+1])
			i++
		}
	}
	return flags, rest, nil
}

// isFlag: "-" is an argument by custom, and so is a negative number.
func isFlag(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9')
}

// flagName is the word without its value.
func flagName(word string) string {
	name, _, _ := strings.Cut(word, "=")
	return name
}

// known is the flag of cmd that word is; -c and --c are the same to cli/v2.
func known(cmd *cli.Command, word string) cli.Flag {
	name := strings.TrimPrefix(strings.TrimPrefix(flagName(word), "-"), "-")
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func knownToAny(cmds []*cli.Command, word string) bool {
	return slices.ContainsFunc(cmds, func(c *cli.Command) bool { return known(c, word) != nil })
}

// takesNext says whether the value of the flag is the word behind it.
func takesNext(cmds []*cli.Command, word string) bool {
	if strings.Contains(word, "=") {
		return false
	}
	for _, cmd := range cmds {
		if f := known(cmd, word); f != nil {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

func meant(word string, words []string) string {
	if near := config.Nearest(word, words); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return fmt.Sprintf(": one of %s", strings.Join(words, ", "))
}

// longFlags are the flags of cmd as they are written: --name.
func longFlags(cmd *cli.Command) (names []string) {
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, "--"+n)
			}
		}
	}
	return names
}

func meantFlag(cmd *cli.Command, word string) string {
	if near := config.Nearest("--"+strings.TrimLeft(flagName(word), "-"), longFlags(cmd)); near != "" {
		return fmt.Sprintf(", did you mean %s?", near)
	}
	return fmt.Sprintf(" (herder %s --help lists them)", cmd.Name)
}

// noArguments is for commands that take flags only.
func noArguments(c *cli.Context) error {
	if c.NArg() > 0 {
		return usage("%s takes no argument, so what is %q?", c.Command.Name, c.Args().First())
	}
	return nil
}
