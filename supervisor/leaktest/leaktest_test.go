package leaktest

import (
	"os"
	"syscall"
	"testing"
)

type tests func() int

func (f tests) Run() int { return f() }

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func TestCodeOfTheTests(t *testing.T) {
	for _, code := range []int{0, 3} {
		if got := Run(tests(func() int { return code })); got != code {
			t.Errorf("the tests end with %d, Run with %d", code, got)
		}
	}
}

func TestLeaksAreFound(t *testing.T) {
	for name, leave := range map[string]func(*testing.T) (end func()){
		"a goroutine": func(*testing.T) func() {
			stay, gone := make(chan struct{}), make(chan struct{})
			go func() { <-stay; close(gone) }()
			return func() { close(stay); <-gone }
		},
		"a descriptor": func(t *testing.T) func() {
			f, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			return func() { f.Close() }
		},
		"a child": func(t *testing.T) func() {
			pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "60"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() { _ = syscall.Kill(pid, syscall.SIGKILL); _, _ = syscall.Wait4(pid, nil, 0, nil) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			end := func() {}
			if code := Run(tests(func() int { end = leave(t); return 0 })); code != 1 {
				t.Errorf("it was left, and the code is %d", code)
			}
			end()
		})
	}
}
