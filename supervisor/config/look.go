package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/proc"
)

func uid() string { return strconv.Itoa(os.Geteuid()) }

// Look finds what Load cannot know from the text: whether the directory is
// there, the command in it, and whether the command names listeners that are.
// It is for `herder check`; a run finds out by doing. The error is [Mistakes].
func (c *Config) Look() error {
	r := &reader{c: c, doc: c.doc}
	fi, err := os.Stat(c.Directory)
	switch {
	case err != nil:
		r.wrong(c.node("directory"), "cannot use directory %s: %v", c.Directory, errors.Unwrap(err))
	case !fi.IsDir():
		r.wrong(c.node("directory"), "cannot use directory %s: it is not a directory", c.Directory)
	default:
		if _, err := proc.Look(c.Command[0], c.Directory, c.path()); err != nil {
			r.wrong(c.node(index("command", 0)), "%v", err)
		}
	}
	if _, err := handoff.Expand(c.Command, c.imagined(), 3); err != nil {
		r.wrong(c.node("command"), "%v", err)
	}
	r.files()
	if len(r.mistakes) > 0 {
		return r.mistakes.sorted()
	}
	return nil
}

// files finds those that cannot be written. Pid files are made anew in their
// folder each time, whatever is there.
func (r *reader) files() {
	c := r.c
	for file, path := range map[string]string{"pidfile": c.Pidfile, "herder_pidfile": c.HerderPidfile} {
		if err := inFolder(path); path != "" && err != nil {
			r.wrong(c.node(file), "cannot write %s: %v", path, err)
		}
	}
	if err := c.LogFits(); err != nil {
		r.wrong(c.node("log\x00file"), "%v", err)
	}
}

// LogFits says why log.file cannot be written, as far as that can be known
// without touching it. The master that writes it runs as herder does, whoever
// the workers' user is.
func (c *Config) LogFits() error {
	if c.LogFile == "" {
		return nil
	}
	fi, err := os.Stat(c.LogFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = inFolder(c.LogFile)
	case err == nil && fi.IsDir():
		err = unix.EISDIR
	case err == nil:
		err = access(c.LogFile, unix.W_OK)
	default:
		err = errors.Unwrap(err)
	}
	if err != nil {
		return fmt.Errorf("cannot write log.file %s: %w", c.LogFile, err)
	}
	return nil
}

// inFolder says why no file can be made at path.
func inFolder(path string) error {
	if err := access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("its folder: %w", err)
	}
	return nil
}

func access(path string, mode uint32) error {
	return unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
}

// node stands for what was written at a path, or else for the file as a whole.
func (c *Config) node(path string) node { return node{path: path} }

// path is the PATH that the command is looked for in.
func (c *Config) path() string {
	if path, ok := c.Env["PATH"]; ok {
		return path
	}
	return os.Getenv("PATH")
}

// imagined are the listeners as they will be passed on, with numbers that only
// show that there is one.
func (c *Config) imagined() []handoff.Passed {
	var ps []handoff.Passed
	for i, b := range c.Bind {
		ps = append(ps, handoff.Passed{Name: b.DefaultName(), Key: b.Address, Address: b.Address, Network: b.Network, FDs: []int{3 + i}})
	}
	return ps
}

// distrust warns when those who are not meant to can change what herder runs.
func (c *Config) distrust() []string {
	var warnings []string
	for _, path := range []string{c.File, filepath.Dir(c.File)} {
		var st unix.Stat_t
		if c.File == "" || unix.Stat(path, &st) != nil {
			continue
		}
		if who := c.writers(&st); len(who) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s can be written by %s, who so decides what herder runs: chown and chmod it", path, strings.Join(who, " and ")))
		}
	}
	return warnings
}

// writers are those beside root and the herder's own user who can write it.
func (c *Config) writers(st *unix.Stat_t) []string {
	var who []string
	sticky := st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0
	if st.Mode&0o002 != 0 && !sticky {
		who = append(who, "everybody")
	}
	u := c.User
	if u == nil || int(u.UID) == os.Geteuid() {
		return who
	}
	if st.Uid == u.UID {
		who = append(who, "the workers' user "+u.String())
	}
	if st.Mode&0o020 != 0 && (st.Gid == u.GID || slices.Contains(u.Groups, st.Gid)) && !sticky {
		who = append(who, "the workers' group "+strconv.Itoa(int(st.Gid)))
	}
	return who
}
