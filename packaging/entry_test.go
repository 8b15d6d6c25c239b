package packaging

import (
	"debug/elf"
	"debug/gosym"
	"testing"
)

// What is shipped begins with the instructions that ignore early signals. It has no symbols, but Go's table of functions.
func TestEntry(t *testing.T) {
	file, err := elf.Open(herder)
	check(t, err)
	defer file.Close()
	lines, err := file.Section(".gopclntab").Data()
	check(t, err)
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, file.Section(".text").Addr))
	check(t, err)
	fn := table.PCToFunc(file.Entry)
	if fn == nil || fn.Name != "main.entry" || fn.Entry != file.Entry {
		t.Errorf("the program begins at %#x, in %v: is it linked with -E main.entry?", file.Entry, fn)
	}
}
