package ready

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const fdinfoSample = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1038\n" +
	"tfd:        3 events:       19 data:                3  pos:0 ino:2c7f sdev:9\n"

func TestParseTarget(t *testing.T) {
	for line, want := range map[string]*target{
		"tfd:        3 events:       19 data:                3  pos:0 ino:2c7f sdev:9": {fd: 3, events: 0x19, data: 3, ino: 0x2c7f, dev: 9, hasIno: true},
		"tfd:       10 events: 8000201d data:   7fa3c5b5ee00001 pos:0 ino:ff sdev:a":   {fd: 10, events: 0x8000201d, data: 0x7fa3c5b5ee00001, ino: 255, dev: 10, hasIno: true},
		"tfd:        3 events:       19 data: ffffffffffffffff":                        {fd: 3, events: 0x19, data: 1<<64 - 1},
		"ino:\t1038":                       nil,
		"tfd: x events: 1 data: 1":         nil,
		"tfd: 1 events: 1":                 nil,
		"tfd: 1 events: 111111111 data: 1": nil,
		"tfd: -1 events: 1 data: 1":        nil,
		"":                                 nil,
	} {
		got, ok := parseTarget([]byte(line))
		if ok != (want != nil) || (ok && got != *want) {
			t.Errorf("parseTarget(%q) = %+v, %v", line, got, ok)
		}
	}
}

func FuzzFdinfo(f *testing.F) {
	f.Add([]byte(fdinfoSample))
	f.Add([]byte("tfd: 1 events: 1 data: 1 ino:1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			got, ok := parseTarget(line)
			if ok && (got.fd < 0 || !bytes.HasPrefix(line, []byte("tfd:")) || (got.hasIno && !bytes.Contains(line, []byte(" ino:")))) {
				t.Fatalf("parseTarget(%q) = %+v", line, got)
			}
			parseCall(line)
		}
	})
}

func TestParseCall(t *testing.T) {
	for line, want := range map[string]bool{
		"43 0x3 0x0 0x0 0x0 0x0 0xffffffffffffffff 0x7ffd 0x7f1\n": true,
		"running\n":                           false,
		"-1 0x7ffd 0x7f1\n":                   false,
		"x 0x3 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n": false,
		"43 zz 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n": false,
		"":                                    false,
	} {
		c, ok := parseCall([]byte(line))
		if ok != want || (ok && (c.nr != 43 || c.args[0] != 3 || c.args[5] != 1<<64-1)) {
			t.Errorf("parseCall(%q) = %+v, %v", line, c, ok)
		}
	}
}

// Lines across the borders of reads, and lines longer than the buffer.
func TestEachLine(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 3000 {
		want = append(want, strings.Repeat("x", i%97))
	}
	text := strings.Join(want, "\n") + "\n" + strings.Repeat("y", 3*8192) + "\nlast\n"
	if err := os.WriteFile(dir+"/f", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := open(unix.AT_FDCWD, dir, unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l := look{dir: fd}
	var got []string
	if err := l.eachLine("f", func(line []byte) bool { got = append(got, string(line)); return true }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got[:3000], "\n") != strings.Join(want, "\n") || got[len(got)-1] != "last" {
		t.Error("lines differ")
	}
}

// The three ways in which Go releases write down who waits.
func TestGoLayouts(t *testing.T) {
	const at = 0xc000122200
	word := func(desc []byte, off int, v uint64) {
		for i := range 8 {
			desc[off+i] = byte(v >> (8 * i))
		}
	}
	for _, g := range goLayouts {
		desc := make([]byte, 40)
		seq := uint64(5)
		tg := target{fd: 7, data: at}
		if g.seq >= 0 {
			tg.data = at>>g.alignBits<<g.tagBits | seq
			word(desc, g.seq, seq|1<<40)
		}
		word(desc, g.fd, 7)
		word(desc, g.rg, 0xc000004000)
		if got := g.address(tg.data); got != at {
			t.Errorf("%+v: address %#x", g, got)
		}
		if rg, ok := g.rgOf(desc, tg); !ok || rg != 0xc000004000 {
			t.Errorf("%+v: rg %#x %v", g, rg, ok)
		}
		word(desc, g.fd, 8)
		if _, ok := g.rgOf(desc, tg); ok {
			t.Errorf("%+v: believed another fd", g)
		}
	}
}

func TestHasSection(t *testing.T) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if !hasSection(self, ".go.buildinfo") || hasSection(self, ".go.build") || hasSection(self, "buildinfo") {
		t.Error("this test is a Go program, and its sections have whole names")
	}
	sh, err := os.Open("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	defer sh.Close()
	if hasSection(sh, ".go.buildinfo") || !hasSection(sh, ".text") {
		t.Error("sh is no Go program")
	}
}

func FuzzELF(f *testing.F) {
	head := make([]byte, 256)
	copy(head, "\x7fELF\x02\x01")
	head[40], head[58], head[60], head[62] = 64, 64, 3, 1
	f.Add(head)
	f.Fuzz(func(_ *testing.T, b []byte) { hasSection(bytes.NewReader(b), ".go.buildinfo") })
}
