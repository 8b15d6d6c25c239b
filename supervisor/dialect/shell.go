package dialect

import "strings"

// simple is a simple command of a text for a shell. Those that are part of a pipe,
// or in the background, are forked whatever they begin with.
type simple struct {
	words  []string
	forked bool
	and    bool // the next one runs only when this one has ended well
}

// commandsOf cuts a text for a shell into its simple commands, and those into
// words. It understands quotes and no more: it is for finding a server's name in
// it, and what it cannot read it takes for a word.
func commandsOf(text string) []simple {
	c := cutter{}
	for i := 0; i < len(text); {
		i += c.take(text[i:])
	}
	c.endCommand("")
	return c.commands
}

type cutter struct {
	commands []simple
	words    []string
	word     strings.Builder
	inWord   bool
	quote    byte // ' or " while inside
	escape   bool
	last     byte // what stood before, outside of quotes
	piped    bool // a | stands before the command
}

// take takes what a text begins with, and says how many bytes that were.
func (c *cutter) take(text string) int {
	b, last := text[0], c.last
	c.last = 0
	switch {
	case c.escape:
		c.escape = false
		c.put(b)
	case b == '\\' && c.quote != '\'':
		c.escape = true
	case c.quote != 0 && b == c.quote:
		c.quote = 0
	case c.quote != 0:
		c.put(b)
	case b == '\'' || b == '"':
		c.quote, c.inWord = b, true
	case b == ' ' || b == '\t':
		c.endWord()
	case b == '&' && (last == '>' || last == '<' || strings.HasPrefix(text, "&>")): // 2>&1
		c.put(b)
	case strings.IndexByte(";&|\n()", b) >= 0:
		op := operator(text)
		c.endCommand(op)
		return len(op)
	default:
		c.last = b
		c.put(b)
	}
	return 1
}

// operator is what ends a command, at the beginning of a text.
func operator(text string) string {
	for _, op := range []string{"&&", "||", "|&"} {
		if strings.HasPrefix(text, op) {
			return op
		}
	}
	return text[:1]
}

func (c *cutter) put(b byte) {
	c.word.WriteByte(b)
	c.inWord = true
}

func (c *cutter) endWord() {
	if c.inWord {
		c.words = append(c.words, c.word.String())
		c.word.Reset()
		c.inWord = false
	}
}

func (c *cutter) endCommand(op string) {
	c.endWord()
	pipe := op == "|" || op == "|&"
	if len(c.words) > 0 {
		c.commands = append(c.commands, simple{words: c.words, forked: c.piped || pipe || op == "&", and: op == "&&"})
		c.words = nil
	}
	c.piped = pipe
}

// program takes off what may stand before the program of a command: variables and
// redirections.
func (s simple) program() []string {
	words := s.words
	for len(words) > 0 && (assigns(words[0]) || redirects(words[0]) > 0) {
		words = words[min(len(words), max(1, redirects(words[0]))):]
	}
	return words
}

// execs says whether a command becomes its program: `exec 2>&1` is not one of those.
func (s simple) execs() bool {
	words := s.program()
	if len(words) == 0 || words[0] != "exec" {
		return false
	}
	return len(simple{words: words[1:]}.program()) > 0
}

// redirects is how many words a redirection is that a word begins; 0: it is none.
func redirects(word string) int {
	rest := strings.TrimLeft(word, "0123456789&")
	switch {
	case rest == "" || rest[0] != '<' && rest[0] != '>':
		return 0
	case strings.Trim(rest, "<>&|") == "":
		return 2
	}
	return 1
}

// Quote writes words as a shell reads them.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.Trim(w, plain) != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// plain are bytes that mean nothing to a shell, wherever they stand.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%="
