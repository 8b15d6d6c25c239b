package proc

import (
	"os"
	"testing"
)

// A stranger that came to us as an orphan, as to PID 1, has an environment of its own.
func TestWipedIsNoStranger(t *testing.T) {
	for text, want := range map[string]bool{
		"PATH=/bin\x00HOME=/root\x00": false,
		"_=/usr/bin/env\x00":          false,
		"":                            false, // it was given none
		"ess /usr/sbin/nginx -c a=b\x00HOME=/\x00":      true,
		"unicorn master -c u.rb\x00\x00\x00":            true,
		"\x00\x00\x00\x00":                              true,
		"nginx: master process nginx -g pid=x;\x00\x00": true,
	} {
		if got := wiped([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if Proc.Wiped(os.Getpid()) {
		t.Error("we are wiped")
	}
}
