package handoff

import (
	"context"
	"slices"
	"testing"
)

func TestRetune(t *testing.T) {
	open := func(text string) Spec {
		s, err := ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	l, err := Open(context.Background(), open("127.0.0.1:0,name=web,backlog=64"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	later, err := l.Retune(open("127.0.0.1:0,name=front,backlog=128,nodelay"))
	if err != nil || !slices.Equal(later, []string{"nodelay"}) {
		t.Errorf("later: %v, %v; want nodelay", later, err)
	}
	if _, backlog, err := l.Queue(); err != nil || backlog != 128 {
		t.Errorf("backlog %d, %v; want 128", backlog, err)
	}
	if l.Name() != "front" {
		t.Errorf("name %s, want front", l.Name())
	}
	if later, err = l.Retune(open("127.0.0.1:0,name=front,backlog=128,nodelay")); err != nil || !slices.Equal(later, []string{"nodelay"}) {
		t.Errorf("later, again: %v, %v; want nodelay still", later, err)
	}
}
