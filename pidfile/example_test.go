package pidfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/herderd/herder/pidfile"
)

// A generation follows another, and the pid file is there all the time.
func Example() {
	dir, _ := os.MkdirTemp("", "pidfile")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.pid")
	show := func(what string) {
		now, _ := pidfile.Read(path)
		old, _ := pidfile.Read(path + pidfile.Old)
		fmt.Printf("%-8s app.pid %d, .oldbin %d\n", what, now, old)
	}

	pidfile.Write(path, 100)
	show("serving")
	pidfile.Link(path, path+pidfile.Old)
	pidfile.Write(path, 200)
	show("upgrade")
	pidfile.Remove(path+pidfile.Old, 100)
	show("done")
	// Output:
	// serving  app.pid 100, .oldbin 0
	// upgrade  app.pid 200, .oldbin 100
	// done     app.pid 200, .oldbin 0
}

func ExampleLock() {
	dir, _ := os.MkdirTemp("", "pidfile")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "herder.pid")

	lock, err := pidfile.Lock(path)
	fmt.Println("first:", err)
	defer lock.Close()

	_, err = pidfile.Lock(path)
	var locked pidfile.ErrLocked
	fmt.Println("second:", errors.As(err, &locked) && locked.PID == os.Getpid())
	// Output:
	// first: <nil>
	// second: true
}

func ExampleFollow() {
	dir, _ := os.MkdirTemp("", "pidfile")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.pid")

	f, err := pidfile.Follow(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	pidfile.Write(path, 100)
	fmt.Println(filepath.Base(<-f.C()), "was touched")
	// Output: app.pid was touched
}

func ExampleWrite_refused() {
	dir, _ := os.MkdirTemp("", "pidfile")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.pid")
	os.Symlink("/etc/passwd", path)

	err := pidfile.Write(path, 100)
	fmt.Println(errors.Is(err, pidfile.ErrRefused))
	// Output: true
}
