package pool

import (
	"strconv"
	"strings"
)

// eventOf reads an event of a story.
func (s *teller) eventOf(name, arg string, named map[string]string) Event {
	slot, _ := strconv.Atoi(arg)
	switch strings.ToLower(name) {
	case "begin":
		return Begin{}
	case "scale":
		return Scale{N: slot}
	case "quit":
		return Quit{}
	case "stop":
		return Stop{}
	case "reopen":
		return Reopen{}
	case "signal":
		return Signal{Name: "HUP"}
	case "lost":
		return Lost{}
	case "due":
		return Due{}
	case "spawned":
		s.pid++
		return Spawned{Slot: slot, Ref: Ref{PID: s.pid, Start: 1}}
	case "spawnfailed":
		return SpawnFailed{Slot: slot, Why: "no such file"}
	case "ready":
		return Ready{Slot: slot}
	case "unfit":
		return Unfit{Slot: slot, Why: "did not take the socket"}
	case "exited":
		return Exited{Slot: slot, How: or(named["how"], "exit 3")}
	case "beat":
		return Beat{Slot: slot}
	case "hung":
		return Hung{Slot: slot}
	case "extend":
		return Extend{Slot: slot, By: duration(or(named["by"], "10s"))}
	case "stopping":
		return Stopping{Slot: slot}
	}
	return s.internal(name)
}

// internal reaches the columns that no event from outside reaches one by one.
func (s *teller) internal(name string) Event {
	events := map[string]Event{"retire": retire{}, "hurry": hurry{}, "overdue": overdue{}, "reopened": reopen{}, "relay": relay{signal: "HUP"}}
	e, is := events[name]
	if !is {
		panic("no such event: " + name)
	}
	return direct{e}
}

// direct is internal news for worker 1.
type direct struct{ Event }
