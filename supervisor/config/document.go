package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"golang.org/x/sys/unix"
)

// MaxFile is the longest file that is read, in bytes.
const MaxFile = 1 << 20

// maxDepth is how deep positions are remembered. No key is deeper than two; a
// hostile file has half a million.
const maxDepth = 4

// span is a stretch of the file, by bytes.
type span struct{ from, length int }

// document is a file and the places of what is in it.
type document struct {
	file   string
	text   []byte
	keys   map[string]span // by path
	values map[string]span
}

// join and index make paths; a NUL cannot be in a key that the parser takes.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "\x00" + key
}

func index(path string, i int) string { return join(path, strconv.Itoa(i)) }

// readFile reads a whole regular file, never more than MaxFile of it. It is
// opened without waiting, for a fifo without a writer would hold us for ever.
func readFile(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Unwrap(err)
	case fi.IsDir():
		return nil, errors.New("it is a directory")
	case !fi.Mode().IsRegular():
		return nil, errors.New("it is not a regular file, and it has to be read again at each upgrade")
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if len(text) > MaxFile {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxFile)
	}
	return text, nil
}

// parse decodes the text and finds the places of all its keys and values. A
// mistake here is one of TOML itself, and the only one that is reported.
func parse(file string, text []byte) (document, map[string]any, error) {
	d := document{file: file, text: text, keys: map[string]span{}, values: map[string]span{}}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return d, nil, d.mistake(span{i, 1}, "a NUL byte: this is not a text file")
	}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		bad, ok := errors.AsType[*toml.DecodeError](err)
		if !ok {
			return d, nil, Mistake{File: file, What: err.Error()}
		}
		line, column := bad.Position()
		return d, nil, Mistake{File: file, Line: line, Column: column, What: strings.TrimPrefix(bad.Error(), "toml: ")}
	}
	d.locate()
	return d, tree, nil
}

// locate walks the syntax tree of a text that has been decoded already.
func (d *document) locate() {
	var p unstable.Parser
	p.Reset(d.text)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = d.key("", e)
		case unstable.KeyValue:
			d.value(d.key(table, e), e.Value(), maxDepth)
		}
	}
}

// key remembers the place of each part of a dotted key the first time it is
// seen, and returns its path. Parts too deep to matter are left out.
func (d *document) key(path string, n *unstable.Node) string {
	parts := n.Key()
	for depth := 0; parts.Next() && depth < maxDepth; depth++ {
		part := parts.Node()
		path = join(path, string(part.Data))
		if _, seen := d.keys[path]; !seen {
			d.keys[path] = span{int(part.Raw.Offset), int(part.Raw.Length)}
		}
	}
	return path
}

func (d *document) value(path string, n *unstable.Node, depth int) {
	if depth == 0 {
		return
	}
	if n.Raw.Length > 0 {
		d.values[path] = span{int(n.Raw.Offset), int(n.Raw.Length)}
	}
	children := n.Children()
	for i := 0; children.Next(); i++ {
		switch child := children.Node(); n.Kind {
		case unstable.Array:
			d.value(index(path, i), child, depth-1)
		case unstable.InlineTable:
			d.value(d.key(path, child), child.Value(), depth-1)
		}
	}
}

// find is the place of a value, or else of its key, or else of what it is in.
func (d *document) find(path string) (span, bool) {
	for {
		if at, ok := d.values[path]; ok {
			return at, true
		}
		if at, ok := d.keys[path]; ok {
			return at, true
		}
		i := strings.LastIndexByte(path, 0)
		if i < 0 {
			return span{}, false
		}
		path = path[:i]
	}
}

// mistake is one at the beginning of a span.
func (d *document) mistake(at span, what string) Mistake {
	before := d.text[:at.from]
	return Mistake{
		File: d.file, Line: 1 + bytes.Count(before, []byte("\n")),
		Column: at.from - bytes.LastIndexByte(before, '\n'), What: what,
	}
}
