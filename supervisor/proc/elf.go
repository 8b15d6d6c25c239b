package proc

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
)

// head is the beginning of an executable: enough to say why the kernel refused it.
type head []byte

// The few numbers of elf(5) we need.
const (
	elfClass64   = 2
	elfPhdr64    = 56
	elfPhdr32    = 32
	elfPTInterp  = 3
	elfMachineAt = 18
)

// elfMachine is e_machine of programs for this architecture.
var elfMachine = map[string]int{"amd64": 62, "arm64": 183}[runtime.GOARCH]

func (h head) isELF() bool { return bytes.HasPrefix(h, []byte("\x7fELF")) }

func (h head) machine() int { return int(h.num(elfMachineAt, 2)) }

// isText: no control byte but white space in the first line.
func (h head) isText() bool {
	line, _, _ := bytes.Cut(h, []byte("\n"))
	return bytes.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' }) < 0
}

// interpreter returns the program the kernel loads to run this one; "" when it
// is not to be seen.
func (h head) interpreter() string {
	if bytes.HasPrefix(h, []byte("#!")) {
		line, _, _ := bytes.Cut(h[2:], []byte("\n"))
		name := strings.TrimLeft(string(line), " \t") // only these two are skipped (binfmt_script.c)
		if end := strings.IndexAny(name, " \t"); end >= 0 {
			name = name[:end]
		}
		return strings.TrimRight(name, "\x00")
	}
	if !h.isELF() || len(h) < 64 {
		return ""
	}
	if h[4] == elfClass64 {
		return h.loader(h.num(32, 8), h.num(56, 2), elfPhdr64, 8, 32, 8)
	}
	return h.loader(h.num(28, 4), h.num(44, 2), elfPhdr32, 4, 16, 4)
}

// loader finds PT_INTERP among n program headers of the given size at off;
// p_offset and p_filesz are words of width w at offAt and lenAt.
func (h head) loader(off, n, size, offAt, lenAt, w uint64) string {
	for i := range n {
		at := off + i*size
		if h.num(at, 4) != elfPTInterp {
			continue
		}
		start, length := h.num(at+offAt, w), h.num(at+lenAt, w)
		if start > uint64(len(h)) || length > uint64(len(h))-start {
			return ""
		}
		return strings.TrimRight(string(h[start:start+length]), "\x00")
	}
	return ""
}

// num reads a little-endian number of w bytes; 0 beyond the end. Both our
// architectures are little-endian.
func (h head) num(at, w uint64) uint64 {
	if at > uint64(len(h)) || w > uint64(len(h))-at {
		return 0
	}
	var b [8]byte
	copy(b[:], h[at:at+w])
	return binary.LittleEndian.Uint64(b[:])
}
