package ready

import (
	"bytes"
	"encoding/binary"
	"io"

	"golang.org/x/sys/unix"
)

// The bit of elf(5) it takes to ask whether an executable has a section of
// some name. debug/elf would do it too, but brings zlib and DWARF into every
// herder.

const (
	elfHeader   = 64 // sizeof(Elf64_Ehdr)
	elfSection  = 64 // sizeof(Elf64_Shdr)
	maxSections = 1024
	maxNames    = 64 << 10
)

// hasSection says that a 64-bit little-endian ELF file has such a section. A
// file that is anything else has none.
func hasSection(r io.ReaderAt, name string) bool {
	var h [elfHeader]byte
	if _, err := r.ReadAt(h[:], 0); err != nil || string(h[:6]) != "\x7fELF\x02\x01" {
		return false
	}
	le := binary.LittleEndian
	at, size := int64(le.Uint64(h[40:])), le.Uint16(h[58:])    // e_shoff, e_shentsize
	n, names := int(le.Uint16(h[60:])), int(le.Uint16(h[62:])) // e_shnum, e_shstrndx
	if at <= 0 || size != elfSection || n > maxSections || names >= n {
		return false
	}
	table := make([]byte, n*elfSection)
	if _, err := r.ReadAt(table, at); err != nil {
		return false
	}
	strs := sectionBytes(r, table[names*elfSection:])
	for i := range n {
		off := le.Uint32(table[i*elfSection:]) // sh_name
		if uint64(off) < uint64(len(strs)) && bytes.HasPrefix(strs[off:], []byte(name+"\x00")) {
			return true
		}
	}
	return false
}

func sectionBytes(r io.ReaderAt, header []byte) []byte {
	at := int64(binary.LittleEndian.Uint64(header[24:])) // sh_offset
	size := binary.LittleEndian.Uint64(header[32:])      // sh_size
	if at <= 0 || size > maxNames {
		return nil
	}
	b := make([]byte, size)
	if _, err := r.ReadAt(b, at); err != nil {
		return nil
	}
	return b
}

// fdReader reads an fd at places, without taking ownership of it.
type fdReader int

// ReadAt implements io.ReaderAt.
func (f fdReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := unix.Pread(int(f), p, off)
	if err == nil && n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return max(n, 0), err
}
