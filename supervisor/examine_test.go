package supervisor

import (
	"testing"
	"time"

	"github.com/herderd/herder/supervisor/config"
)

// The doctor is told the signal that workers are really sent, and no time that is none.
func TestFarewellThatTheDoctorIsTold(t *testing.T) {
	c, err := config.Load("", config.Flags{Command: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	quit := Custom{Goodbye: func(int) string { return "QUIT" }}
	for _, test := range []struct {
		custom Custom
		stop   time.Duration
		signal string
		within time.Duration
	}{
		{Custom{}, 30 * time.Second, "TERM", 30 * time.Second},
		{quit, config.MaxDuration, "QUIT", config.MaxDuration},
		{quit, 100 * 365 * 24 * time.Hour, "QUIT", 0},
	} {
		c.StopTimeout = test.stop
		tend := newTender(Options{Custom: test.custom}, nil, nil)
		if signal, within := tend.farewell(c, 1); signal != test.signal || within != test.within {
			t.Errorf("%s within %s, want %s within %s", signal, within, test.signal, test.within)
		}
	}
}
