package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// doable is every request the protocol knows.
func doable() []string {
	return []string{DoStatus, DoUpgrade, DoStop, DoScale, DoSignal, DoReady, DoDoctor}
}

// ParseRequest reads one line, with or without its newline. It is stricter than
// encoding/json, which lets the last of two equal keys win, takes "DO" for "do"
// and mends broken UTF-8: two programs that read such a line differently would
// disagree on what was asked. Taken is a flat object of known keys, each once,
// whose strings hold no control characters, of version [Version], which asks
// for something known.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	switch {
	case len(line) > MaxLine:
		return r, fmt.Errorf("request longer than %d bytes", MaxLine)
	case !utf8.Valid(line):
		return r, errors.New("request is not valid UTF-8")
	}
	if err := r.decode(line); err != nil {
		return Request{}, err
	}
	return r, r.check()
}

// decode reads the object key by key.
func (r *Request) decode(line []byte) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("request is not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		name, _ := key.(string)
		if seen[name] {
			return fmt.Errorf("request has key %q twice", name)
		}
		seen[name] = true
		value, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		if err := r.set(name, value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("request has something after its object")
	}
	return nil
}

func malformed(err error) error {
	return fmt.Errorf("request is not well-formed JSON: %w", err)
}

// set stores one value under its key. An object or array comes as a Delim and
// fits no key, so nothing nested is ever descended into.
func (r *Request) set(key string, value json.Token) error {
	ok := false
	switch key {
	case "v":
		var n json.Number
		if n, ok = value.(json.Number); ok {
			v, err := n.Int64()
			r.V, ok = int(v), err == nil
		}
	case "do":
		r.Do, ok = value.(string)
	case "arg":
		r.Arg, ok = value.(string)
	case "to":
		r.To, ok = value.(string)
	case "now":
		r.Now, ok = value.(bool)
	case "timeout":
		r.Timeout, ok = value.(string)
	default:
		return fmt.Errorf("request has unknown key %q", clip(key))
	}
	if !ok {
		return fmt.Errorf("request has a wrong kind of value for key %q", key)
	}
	return nil
}

// check is the meaning of what decode has read.
func (r *Request) check() error {
	if r.V != Version {
		return fmt.Errorf("protocol version %d is not spoken here, only %d: use the herder command of the running herder's version", r.V, Version)
	}
	for _, s := range []string{r.Do, r.Arg, r.To, r.Timeout} {
		if strings.IndexFunc(s, unicode.IsControl) >= 0 {
			return errors.New("request has a control character in a string")
		}
	}
	if _, err := r.Wait(); err != nil {
		return err
	}
	for _, do := range doable() {
		if r.Do == do {
			return nil
		}
	}
	return fmt.Errorf("unknown request %q: one of %s", clip(r.Do), strings.Join(doable(), ", "))
}

// Wait is how long the client is willing to wait for the answer; 0: without end.
func (r Request) Wait() (time.Duration, error) {
	if r.Timeout == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(r.Timeout)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("bad timeout %q: a duration above zero, as 90s or 2m", clip(r.Timeout))
	}
	return d, nil
}

// clip keeps what a stranger sent from filling a log line.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// line encodes a reply; one too long for the wire becomes an error about it.
func (r Reply) line() []byte {
	if r.Status != nil {
		r.Status.fill()
	}
	b, err := json.Marshal(r)
	if err == nil && len(b) < MaxReply {
		return append(b, '\n')
	}
	reason := "the reply is too long"
	if err != nil {
		reason = "the reply cannot be encoded: " + err.Error()
	}
	b, _ = json.Marshal(Reply{Code: Internal, Error: reason})
	return append(b, '\n')
}
