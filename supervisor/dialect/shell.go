package dialect

import "strings"

// commandsOf cuts a text for a shell into its simple commands, and those into
// words. It understands quotes and no more: it is for finding a server's name in
// it, and what it cannot read it takes for a word.
func commandsOf(text string) [][]string {
	c := cutter{}
	for i := 0; i < len(text); i++ {
		c.take(text[i])
	}
	c.endCommand()
	return c.commands
}

type cutter struct {
	commands [][]string
	words    []string
	word     strings.Builder
	inWord   bool
	quote    byte // ' or " while inside
	escape   bool
}

func (c *cutter) take(b byte) {
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
	case strings.IndexByte(";&|\n()", b) >= 0:
		c.endCommand()
	default:
		c.put(b)
	}
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

func (c *cutter) endCommand() {
	c.endWord()
	if len(c.words) > 0 {
		c.commands = append(c.commands, c.words)
		c.words = nil
	}
}
