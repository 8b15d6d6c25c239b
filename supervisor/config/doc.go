// Package config reads what a herder is to do from a TOML file, from the flags
// of the command line, or from both, where a flag wins.
//
// The invariant: a [Config] that [Load] returns without an error can be acted
// on as it is. Every value is checked, every path is absolute, every default
// filled in; and when it cannot be, the error is the list of all [Mistakes],
// each with its file, line and column (or its flag), not only the first.
//
// Each thing has one spelling, and the table in keys.go is all of them; the
// file reference.toml shows each with its default. A file may be no longer than
// [MaxFile], and must be a regular one, for it is read again at each upgrade.
//
// # Relative paths
//
// What is written as a relative path is relative to `directory`: the pid files,
// the log file, the runtime directory, unix sockets. `directory` itself is
// relative to the folder of the file it is written in, as a flag to where the
// herder was started. Symlinks are kept as written: a directory `current` means
// another release in each generation, so a pid file below it would be another
// file in each release. Write pid files as absolute paths.
//
// # The command
//
// A command is a list of words, or one string that is split at blanks and
// understands quotes. There is no shell: what only a shell can do (variables,
// pipes, globs) is a mistake, not something passed on in silence. For a shell,
// write it: ["sh", "-c", "…"].
package config
