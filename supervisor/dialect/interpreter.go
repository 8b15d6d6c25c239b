package dialect

import "strings"

// interpreter is a program that runs a file, or a module.
type interpreter struct {
	takes  string // flags that take the next word
	module string // flag of a module
	inline string // flags of a text to run; there is no file then
}

var interpreters = map[string]*interpreter{
	"python": {takes: " -W -X -Q --check-hash-based-pycs ", module: "-m", inline: " -c "},
	"pypy":   {takes: " -W -X ", module: "-m", inline: " -c "},
	"ruby":   {takes: " -I -r -C -E --encoding --external-encoding --internal-encoding --enable --disable --backtrace-limit ", inline: " -e "},
	"perl":   {takes: " -I ", inline: " -e -E "},
}

// interpreter passes to the file or the module that is run.
func (t *trail) interpreter(name string) bool {
	in := interpreters[version(name)]
	for i := 1; i < len(t.words); i++ {
		w := t.words[i]
		module := in.module != "" && strings.HasPrefix(w, in.module)
		switch {
		case strings.Contains(in.inline, " "+w+" "):
			return false
		case module:
			return t.module(i, strings.TrimPrefix(w, in.module), name)
		case strings.Contains(in.takes, " "+w+" "):
			i++
		case !strings.HasPrefix(w, "-"):
			return t.pass(i, name)
		}
	}
	return false
}

// module is what stands behind -m, or at it: python -mgunicorn.
func (t *trail) module(at int, module, name string) bool {
	if module == "" {
		at++
		if at >= len(t.words) {
			return false
		}
		module = t.words[at]
	}
	r := byModule(module)
	if r == nil || !t.pass(at, name) {
		return false
	}
	t.found(r, "-m "+module)
	return true
}
