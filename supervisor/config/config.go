package config

import (
	"reflect"
	"slices"
	"time"

	"github.com/herderd/herder/handoff"
	"github.com/herderd/herder/supervisor/dialect"
	"github.com/herderd/herder/supervisor/proc"
	"github.com/herderd/herder/supervisor/ready"
)

// Config is what a herder is to do. The tag is the key in the file.
type Config struct {
	File string // absolute; "" when it all comes from flags

	Name      string            `key:"name"`
	Command   []string          `key:"command"` // with what the dialect adds; {fd:NAME} and {port:NAME} are not expanded yet
	Directory string            `key:"directory"`
	User      *proc.User        `key:"user"` // of the workers; their master keeps the herder's own; nil: the herder's own
	Env       map[string]string `key:"env"`  // added to the herder's own environment

	// Whose dialect is spoken, and how the server is herded, resolved from "auto".
	Dialect    string `key:"dialect"`
	DialectWhy string
	Kind       dialect.Kind `key:"kind"`

	Bind    []handoff.Spec `key:"bind"`
	Workers int            `key:"workers"` // of kind pool; else 1
	Expect  int            `key:"workers"` // of the other kinds; 0: as many as the server has by its own configuration
	Rolling bool           `key:"rolling"`

	Pidfile       string `key:"pidfile"`        // of the serving master; "": none
	HerderPidfile string `key:"herder_pidfile"` // "": none
	RuntimeDir    string `key:"runtime_dir"`

	Ready        ready.How     `key:"ready"`
	ReadyTimeout time.Duration `key:"ready_timeout"`
	Overlap      time.Duration `key:"overlap"`
	StopTimeout  time.Duration `key:"stop_timeout"`
	StartTries   int           `key:"start_tries"`
	Watchdog     time.Duration `key:"watchdog"` // 0: off

	Graceful string `key:"graceful"` // a signal's name without SIG; "": the dialect's (see Row)
	Quick    string `key:"quick"`

	Umask   int           `key:"umask"` // -1: the herder's own
	Nice    *int          `key:"nice"`  // nil: the herder's own
	Rlimits []proc.Rlimit `key:"limits"`

	LogFile   string `key:"log.file"`   // of what the app writes; "": its stdout and stderr are the herder's
	LogFormat string `key:"log.format"` // of the herder's own lines: text or json
	LogPrefix bool   `key:"log.prefix"` // [app 8.2] in front of each line the app writes

	// Warnings are about what works, and is yet not as it should be.
	Warnings []string

	doc document // where what was written
}

// defaults is the Config of an empty file.
func defaults() *Config {
	return &Config{
		Env: map[string]string{}, Workers: 1,
		Ready: ready.How{Kind: ready.KindAuto}, ReadyTimeout: time.Minute, StopTimeout: 30 * time.Second, StartTries: 3,
		Umask: -1, LogFormat: "text",
	}
}

// Equal says whether both ask for the same, wherever it is written.
func (c *Config) Equal(other *Config) bool { return len(c.Changed(other)) == 0 }

// Changed names the keys that mean something else in other. It gives no values:
// the environment may hold secrets, and the names end in a log.
func (c *Config) Changed(other *Config) []string {
	var keys []string
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(other).Elem()
	for i := range a.NumField() {
		key := a.Type().Field(i).Tag.Get("key")
		if key != "" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	return slices.Compact(keys)
}

// fixed are the keys that a running herder cannot change: they say what it is.
func fixed() []string { return []string{"name", "runtime_dir", "herder_pidfile", "log.format"} }

// Fixed names the keys changed in other which only a restart of the herder can
// bring about.
func (c *Config) Fixed(other *Config) []string {
	return slices.DeleteFunc(c.Changed(other), func(key string) bool { return !slices.Contains(fixed(), key) })
}
