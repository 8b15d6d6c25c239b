package config

import (
	"errors"
	"fmt"
	"strings"
)

// splitError is a mistake at one byte of a command.
type splitError struct {
	at   int
	what string
}

func (e *splitError) Error() string { return e.what }

const (
	blanks = " \t\r\n"
	// shellOnly have a meaning in a shell, so that passing them on would do
	// something else than the line says.
	shellOnly   = "$`|&;<>()*?["
	inQuotes    = "$`" // those of them that have it in double quotes too
	shellAdvice = `there is none: quote it with '…', write the command as a list, or as ["sh", "-c", "…"]`
)

// split cuts a command into words at blanks. '…' keeps everything as it is,
// "…" and a backslash keep the next character, as in sh. It is strict: what
// only a shell would do is an error (a [splitError]).
func split(s string) ([]string, error) {
	p := splitter{rest: s}
	for i := 0; i < len(s); i++ {
		if err := p.take(s[i], i); err != nil {
			return nil, err
		}
	}
	return p.end()
}

// splitter is between two bytes of a command.
type splitter struct {
	rest   string
	words  []string
	word   strings.Builder
	inWord bool
	quote  byte // ' or " while inside
	opened int  // where quote is
	escape bool // the next byte stands for itself
}

func (p *splitter) take(c byte, at int) error {
	switch {
	case p.escape:
		// Inside of "…" a backslash before any other byte is one (POSIX, 2.2.3).
		if p.quote == '"' && !strings.ContainsRune("\"\\$`", rune(c)) {
			p.word.WriteByte('\\')
		}
		p.word.WriteByte(c)
		p.escape = false
	case c == '\\' && p.quote != '\'':
		p.escape, p.inWord = true, true
	case p.quote != 0 && c == p.quote:
		p.quote = 0
	case p.quote == '"' && strings.IndexByte(inQuotes, c) >= 0,
		p.quote == 0 && strings.IndexByte(shellOnly, c) >= 0:
		return &splitError{at, fmt.Sprintf("%q is for a shell, and %s", c, shellAdvice)}
	case p.quote == 0 && (c == '\'' || c == '"'):
		p.quote, p.opened, p.inWord = c, at, true
	case p.quote == 0 && strings.IndexByte(blanks, c) >= 0:
		p.cut()
	default:
		p.word.WriteByte(c)
		p.inWord = true
	}
	return nil
}

func (p *splitter) cut() {
	if p.inWord {
		p.words = append(p.words, p.word.String())
		p.word.Reset()
		p.inWord = false
	}
}

func (p *splitter) end() ([]string, error) {
	switch {
	case p.escape:
		return nil, &splitError{len(p.rest) - 1, "a backslash with nothing after it"}
	case p.quote != 0:
		return nil, &splitError{p.opened, fmt.Sprintf("the quote %c is never closed", p.quote)}
	}
	p.cut()
	if len(p.words) == 0 {
		return nil, errors.New("the command is empty")
	}
	return p.words, nil
}
