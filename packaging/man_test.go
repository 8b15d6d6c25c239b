// Package packaging holds the manual pages and the README against the program.
package packaging

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/doctor"
	"github.com/herderd/herder/supervisor/ready"
)

const (
	page      = "man/herder.8"
	pageOfKey = "man/herder.toml.5"
	readme    = "../README.md"
	reference = "../supervisor/config/reference.toml"
)

// herder is the program as it is shipped, built once.
var herder string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "herder-packaging")
	if err != nil {
		panic(err)
	}
	herder = filepath.Join(dir, "herder")
	code := 1
	if out, err := exec.Command("./build", dir).CombinedOutput(); err != nil {
		os.Stderr.Write(out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestPagesAreSound(t *testing.T) {
	for _, path := range []string{page, pageOfKey} {
		out, err := exec.Command("groff", "-ww", "-mdoc", "-Tutf8", "-z", path).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

func TestEverySection(t *testing.T) {
	text := read(t, page)
	for _, section := range []string{"SYNOPSIS", "SIGNALS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"} {
		if !strings.Contains(text, "\n.Sh "+section+"\n") {
			t.Errorf("%s has no section %s", page, section)
		}
	}
}

// The names in a help text stand in the left column, two blanks from the words.
var (
	helpLine = regexp.MustCompile(`^   (\S.*?)(  +.*)?$`)
	flagWord = regexp.MustCompile(`(?:^|[ ,])(--?[a-z][a-z-]*)`)
)

// helpOf returns the names in one section of a help text.
func helpOf(t *testing.T, section string, args ...string) (names []string) {
	t.Helper()
	out, err := exec.Command(herder, append(args, "--help")...).Output()
	if err != nil {
		t.Fatalf("herder %v --help: %v", args, err)
	}
	_, text, _ := strings.Cut("\n"+string(out), "\n"+section+":\n")
	for line := range strings.Lines(text) {
		m := helpLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			break
		}
		if section == "COMMANDS" {
			names = append(names, strings.Split(m[1], ", ")...)
			continue
		}
		for _, f := range flagWord.FindAllStringSubmatch(m[1], -1) {
			if f[1] != "--help" && f[1] != "-h" {
				names = append(names, f[1])
			}
		}
	}
	return names
}

func TestCommandsAndFlags(t *testing.T) {
	inPage, ofClients := flagsInPage(t)
	commands := helpOf(t, "COMMANDS")
	if len(commands) < 10 {
		t.Fatalf("herder --help names %v", commands)
	}
	compare(t, page+": commands", slices.Collect(maps.Keys(inPage)), commands)
	for _, command := range commands {
		has, want := inPage[command], helpOf(t, "OPTIONS", command)
		if slices.Contains(want, "--socket") {
			has = append(has, ofClients...)
		}
		compare(t, page+": flags of "+command, has, want)
	}
}

func TestSynopsis(t *testing.T) {
	command := ""
	all := map[string]bool{}
	var flags []string
	for line := range strings.Lines(section(t, page, "SYNOPSIS")) {
		if rest, ok := strings.CutPrefix(line, ".Cm "); ok {
			command = strings.TrimSpace(rest)
			all[command] = true
			flags = helpOf(t, "OPTIONS", command)
		}
		for _, f := range flagsOf(line) {
			if f != "--" && !slices.Contains(flags, f) {
				t.Errorf("%s: the synopsis gives %s the flag %s, which it does not have", page, command, f)
			}
		}
	}
	compare(t, page+": synopsis", slices.Collect(maps.Keys(all)), helpOf(t, "COMMANDS"))
}

// The checks of the doctor, in the order in which they are printed.
func TestChecks(t *testing.T) {
	var inPage []string
	for line := range strings.Lines(section(t, page, "DOCTOR")) {
		if id, ok := strings.CutPrefix(line, ".It Cm "); ok {
			inPage = append(inPage, strings.TrimSpace(id))
		}
	}
	if want := doctor.Checks(); !slices.Equal(inPage, want) {
		t.Errorf("%s: the checks are %v, want %v", page, inPage, want)
	}
}

// flagsInPage reads the section COMMANDS: an item for each command, a list in it for its flags, and at the end a list for
// the flags of all clients.
func flagsInPage(t *testing.T) (of map[string][]string, clients []string) {
	of = map[string][]string{}
	command, depth := "", 0
	for line := range strings.Lines(section(t, page, "COMMANDS")) {
		words := strings.Fields(line)
		switch {
		case words[0] == ".Bl":
			depth++
		case words[0] == ".El":
			depth--
			if depth == 0 {
				command = ""
			}
		case words[0] == ".It" && words[1] == "Cm":
			command = words[2]
			of[command] = nil
		case words[0] == ".It" && command == "":
			clients = append(clients, flagsOf(line)...)
		case words[0] == ".It" && depth == 2:
			of[command] = append(of[command], flagsOf(line)...)
		}
	}
	return of, clients
}

// flagsOf reads the flags of a line of mdoc: "Fl c" is -c, "Fl -name" is --name.
func flagsOf(line string) (flags []string) {
	words := strings.Fields(line)
	for i, w := range words {
		if (w == "Fl" || w == ".Fl") && i+1 < len(words) {
			flags = append(flags, "-"+words[i+1])
		}
	}
	return flags
}

var (
	tableLine = regexp.MustCompile(`^\[([a-z]+)\]$`)
	keyLine   = regexp.MustCompile(`^(# )?([a-z_]+) = (.*)$`)
)

// keys are those of the reference, with their defaults where it says them.
func keys(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	table := ""
	for line := range strings.Lines(read(t, reference)) {
		line = strings.TrimSpace(line)
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table = m[1]
			if table != "log" {
				found[table] = "" // what is in it has names of the user's or of getrlimit(2)
			}
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m == nil || table != "" && table != "log" {
			continue
		}
		name, value := m[2], strings.Trim(m[3], `"`)
		if table == "log" {
			name = "log." + name
		}
		if m[1] != "" || name == "command" || name == "bind" {
			value = "" // an example
		}
		found[name] = value
	}
	return found
}

func TestKeys(t *testing.T) {
	want := keys(t)
	var has []string
	for item := range strings.SplitSeq(section(t, pageOfKey, "KEYS"), "\n.It Cm ") {
		name, body, _ := strings.Cut(item, "\n")
		if strings.HasPrefix(name, ".Bl") {
			continue
		}
		has = append(has, name)
		if v := want[name]; v != "" && !strings.Contains("\n"+body, "\nDefault: "+v+".") {
			t.Errorf("%s: the default of %s is %s", pageOfKey, name, v)
		}
	}
	compare(t, pageOfKey+": keys", has, slices.Collect(maps.Keys(want)))
}

var keyRow = regexp.MustCompile("^\\| `([a-z_.]+)` \\| (.*?) \\|")

func TestKeysInReadme(t *testing.T) {
	want := keys(t)
	_, text, _ := strings.Cut(read(t, readme), "\n| key | default | |\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var has []string
	for line := range strings.Lines(text) {
		m := keyRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		has = append(has, m[1])
		if v := want[m[1]]; v != "" && strings.Trim(m[2], "`\"") != v {
			t.Errorf("%s: the default of %s is %s, not %s", readme, m[1], v, m[2])
		}
	}
	compare(t, readme+": keys", has, slices.Collect(maps.Keys(want)))
}

func TestListenerOptions(t *testing.T) {
	want := append([]string{"name"}, handoff.OptionNames()...)
	_, text, _ := strings.Cut(section(t, pageOfKey, "LISTENERS"), "\nThe options:\n")
	compare(t, pageOfKey+": options of a listener", items(text), want)
	_, text, _ = strings.Cut(read(t, readme), "\nOptions of a listener: ")
	text, _, _ = strings.Cut(text, ".\n")
	compare(t, readme+": options of a listener", strings.Split(strings.ReplaceAll(text, "\n", " "), ", "), want)
}

func TestReadiness(t *testing.T) {
	var want []string
	for _, k := range []ready.Kind{
		ready.KindAuto, ready.KindNotify, ready.KindFD, ready.KindArmed, ready.KindHTTP, ready.KindTCP, ready.KindExec, ready.KindDelay, ready.KindNone,
	} {
		want = append(want, string(k))
	}
	compare(t, pageOfKey+": readiness", items(section(t, pageOfKey, "READINESS")), want)
}

// items are the first words of the items of a list of mdoc, up to a colon.
func items(text string) (names []string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); words[0] == ".It" {
			name, _, _ := strings.Cut(words[1], ":")
			names = append(names, name)
		}
	}
	return names
}

func section(t *testing.T, path, name string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, path), "\n.Sh "+name+"\n")
	if !found {
		t.Fatalf("%s has no section %s", path, name)
	}
	text, _, _ = strings.Cut(text, "\n.Sh ")
	return text
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

// compare wants the same names in both, each once.
func compare(t *testing.T, what string, has, want []string) {
	t.Helper()
	count := map[string]int{}
	for _, name := range has {
		count[name]++
	}
	for name, n := range count {
		if n > 1 {
			t.Errorf("%s: %s is there %d times", what, name, n)
		}
		if !slices.Contains(want, name) {
			t.Errorf("%s: %s is there, but the program does not have it", what, name)
		}
	}
	for _, name := range want {
		if count[name] == 0 {
			t.Errorf("%s: %s is missing", what, name)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
