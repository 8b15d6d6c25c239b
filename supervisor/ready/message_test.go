package ready

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestParseMessage(t *testing.T) {
	for _, c := range []struct {
		text string
		want Message
		err  string
	}{
		{text: ""},
		{text: "READY=1", want: Message{Ready: true}},
		{text: "READY=1\nSTATUS=Serving \x1b[31mall\nMAINPID=42\n", want: Message{Ready: true, Status: "Serving  [31mall", MainPID: 42}},
		{text: "STOPPING=1\nRELOADING=1\nMONOTONIC_USEC=7", want: Message{Stopping: true, Reloading: true, Monotonic: 7 * time.Microsecond}},
		{text: "WATCHDOG=1", want: Message{Watchdog: true}},
		{text: "WATCHDOG=trigger", want: Message{WatchdogTrigger: true}},
		{text: "WATCHDOG_USEC=2000000\nEXTEND_TIMEOUT_USEC=3000000", want: Message{WatchdogEvery: 2 * time.Second, Extend: 3 * time.Second}},
		{text: "ERRNO=2\nBARRIER=1", want: Message{Errno: 2, Barrier: true}},
		{text: "X_MINE=1\nFDSTORE=1\nFDNAME=x"},
		{text: "STATUS=\xff\xfe", want: Message{Status: "?"}},
		{text: "READY=yes", err: "READY=1"},
		{text: "READY", err: "not KEY=VALUE"},
		{text: "=1", err: "not KEY=VALUE"},
		{text: "\x00\x01\x02", err: "not KEY=VALUE"},
		// As systemd does: what is understood counts.
		{text: "garbage\nREADY=1", want: Message{Ready: true}, err: "not KEY=VALUE"},
		{text: "MAINPID=0", err: "from 1"},
		{text: "MAINPID=99999999999999999999", err: "from 1"},
		{text: "WATCHDOG_USEC=-1", err: "microseconds"},
		{text: "EXTEND_TIMEOUT_USEC=18446744073709551615", err: "microseconds"},
		{text: "READY=1\n" + strings.Repeat("A=", MaxMessage), err: "more than"},
	} {
		got, err := ParseMessage([]byte(c.text))
		if got != c.want {
			t.Errorf("ParseMessage(%.40q) = %+v, want %+v", c.text, got, c.want)
		}
		if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("ParseMessage(%.40q): error %v, want %q", c.text, err, c.err)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=x\nEXTEND_TIMEOUT_USEC=5"))
	f.Add([]byte("WATCHDOG=trigger\nBARRIER=1\n\n=\nA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if len(b) > MaxMessage && (err == nil || m.Says()) {
			t.Fatal("took a message that is too long")
		}
		if m.Ready && !strings.Contains(string(b), "READY=1") {
			t.Fatalf("ready by %q", b)
		}
		if m.Extend < 0 || m.WatchdogEvery < 0 || m.Monotonic < 0 || m.MainPID < 0 || m.Errno < 0 {
			t.Fatalf("negative: %+v", m)
		}
		if !utf8.ValidString(m.Status) || strings.ContainsFunc(m.Status, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("status %q", m.Status)
		}
	})
}
