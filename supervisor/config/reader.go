package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// node is one value on its way into a Config.
type node struct {
	name string // for messages: the key, or the flag
	path string // in the document
	flag bool   // from the command line, where everything is text
	v    any
}

// child is an element of a list.
func (n node) child(i int, v any) node {
	return node{name: n.name, path: index(n.path, i), flag: n.flag, v: v}
}

// entry is a value of a table.
func (n node) entry(key string, v any) node {
	return node{name: n.name + "." + key, path: join(n.path, key), flag: n.flag, v: v}
}

// reader fills a Config and collects what is wrong.
type reader struct {
	c         *Config
	doc       document
	mistakes  Mistakes
	broken    bool // the file cannot be read at all
	commanded bool // there was a command, good or not

	given    map[string]node // by key, what was written, the flag where there is one
	kindName string
	counts   []node // workers
}

func newReader() *reader { return &reader{c: defaults(), given: map[string]node{}} }

// wrong reports a value.
func (r *reader) wrong(n node, format string, args ...any) {
	r.wrongAt(n, 0, fmt.Sprintf(format, args...))
}

// wrongAt reports a byte of a value that is text.
func (r *reader) wrongAt(n node, offset int, what string) {
	if n.flag {
		r.mistakes = append(r.mistakes, Mistake{Flag: n.name, What: what})
		return
	}
	at, ok := r.doc.find(n.path)
	if !ok {
		r.mistakes = append(r.mistakes, Mistake{File: r.doc.file, What: what})
		return
	}
	// A byte of the value is a byte of the file only when nothing is escaped.
	if s, _ := n.v.(string); offset > 0 && at.length == len(s)+2 && at.from+at.length <= len(r.doc.text) {
		at.from += 1 + offset
	}
	r.mistakes = append(r.mistakes, r.doc.mistake(at, what))
}

// unknown reports a key nobody knows.
func (r *reader) unknown(path, key string, known []string) {
	what := fmt.Sprintf("unknown key %q", key)
	if near := Nearest(key, known); near != "" {
		what += fmt.Sprintf(", did you mean %q?", near)
	}
	m := Mistake{File: r.doc.file, What: what}
	if at, ok := r.doc.keys[path]; ok {
		m = r.doc.mistake(at, what)
	}
	r.mistakes = append(r.mistakes, m)
}

// kind is what a value is, in the words of TOML.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

func (r *reader) text(n node) (string, bool) {
	s, ok := n.v.(string)
	switch {
	case !ok:
		r.wrong(n, "%s must be a string, this is %s", n.name, kind(n.v))
	case strings.ContainsRune(s, 0):
		r.wrong(n, "%s has a NUL byte in it", n.name)
		ok = false
	}
	return s, ok
}

// word is a text that is not empty.
func (r *reader) word(n node) (string, bool) {
	s, ok := r.text(n)
	if ok && s == "" {
		r.wrong(n, "%s is empty", n.name)
		return "", false
	}
	return s, ok
}

func (r *reader) number(n node, least, most int) (int, bool) {
	v, ok := n.v.(int64)
	if s, text := n.v.(string); text && n.flag {
		var err error
		v, err = strconv.ParseInt(s, 10, 64)
		ok = err == nil || errors.Is(err, strconv.ErrRange)
	}
	switch {
	case !ok && n.flag:
		r.wrong(n, "%q is not a number", n.v)
	case !ok:
		r.wrong(n, "%s must be an integer, this is %s", n.name, kind(n.v))
	case v < int64(least) || v > int64(most):
		r.wrong(n, "%d is not between %d and %d", v, least, most)
		ok = false
	}
	return int(v), ok
}

func (r *reader) yes(n node) (bool, bool) {
	v, ok := n.v.(bool)
	if s, text := n.v.(string); text && n.flag {
		var err error
		v, err = strconv.ParseBool(s)
		ok = err == nil
	}
	switch {
	case !ok && n.flag:
		r.wrong(n, "%q is neither true nor false", n.v)
	case !ok:
		r.wrong(n, "%s must be true or false, this is %s", n.name, kind(n.v))
	}
	return v, ok
}

// MaxDuration bounds every duration; a longer one is surely a mistake.
const MaxDuration = 30 * 24 * time.Hour

func (r *reader) duration(n node, least time.Duration) (time.Duration, bool) {
	s, ok := n.v.(string)
	if !ok {
		r.wrong(n, "%s must be a duration in quotes, as \"30s\", this is %s", n.name, kind(n.v))
		return 0, false
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.wrong(n, "%q is not a duration: write it as 500ms, 30s, 1m30s or 2h", s)
	case d < least || d > MaxDuration:
		r.wrong(n, "%s is not between %s and %s", d, least, MaxDuration)
	default:
		return d, true
	}
	return 0, false
}

// list is a list of texts, or one text as a list of one.
func (r *reader) list(n node) ([]node, bool) {
	switch v := n.v.(type) {
	case string:
		return []node{n}, true
	case []any:
		nodes := make([]node, len(v))
		for i := range v {
			nodes[i] = n.child(i, v[i])
		}
		return nodes, true
	}
	r.wrong(n, "%s must be a string or an array of strings, this is %s", n.name, kind(n.v))
	return nil, false
}

// limit is "N", "SOFT:HARD" or an integer; "unlimited" is a number too.
func limit(v any) (soft, hard uint64, ok bool) {
	if i, isInt := v.(int64); isInt {
		return uint64(i), uint64(i), i >= 0
	}
	s, isText := v.(string)
	low, high, both := strings.Cut(s, ":")
	soft, ok1 := limitNumber(low)
	if !both {
		return soft, soft, isText && ok1
	}
	hard, ok2 := limitNumber(high)
	return soft, hard, ok1 && ok2
}

func limitNumber(s string) (uint64, bool) {
	if s == "unlimited" {
		return math.MaxUint64, true
	}
	v, err := strconv.ParseUint(s, 10, 63)
	return v, err == nil
}
