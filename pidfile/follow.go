package pidfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Follower tells when somebody touches one of some files.
type Follower struct {
	watcher *fsnotify.Watcher
	paths   map[string]string // clean path → as it was given
	c       chan string
	done    chan struct{}
	ended   chan struct{}
	once    sync.Once
}

// Follow watches files that may come, go and be replaced, by watching the
// directories they are in; those must exist. A directory is what its path leads
// to now: when a symbolic link on the way is turned elsewhere, follow anew.
func Follow(paths ...string) (*Follower, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("cannot follow pid files: %w", err)
	}
	f := &Follower{
		watcher: w,
		paths:   make(map[string]string, len(paths)),
		c:       make(chan string),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
	}
	for _, path := range paths {
		f.paths[filepath.Clean(path)] = path
		if err := w.Add(filepath.Dir(path)); err != nil {
			w.Close()
			return nil, fmt.Errorf("cannot follow pid file %s: %w", path, err)
		}
	}
	go f.run()
	return f, nil
}

// C delivers the path, as it was given, of a file that was created, written,
// replaced, removed, or whose directory went. It says only that a look is due:
// many touches may come as one. It is closed by Close.
func (f *Follower) C() <-chan string { return f.c }

// Close ends the watch. It may be called again.
func (f *Follower) Close() error {
	var err error
	f.once.Do(func() {
		close(f.done)
		err = f.watcher.Close()
	})
	<-f.ended
	return err
}

// run collects touches while nobody takes them, each path once: what is kept is
// bounded by the number of files.
func (f *Follower) run() {
	defer close(f.ended)
	defer close(f.c)
	var due []string
	for {
		var c chan string
		next := ""
		if len(due) > 0 {
			c, next = f.c, due[0]
		}
		select {
		case <-f.done:
			return
		case c <- next:
			due = due[1:]
		case e, ok := <-f.watcher.Events:
			if !ok {
				return
			}
			due = f.add(due, e)
		case err, ok := <-f.watcher.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				due = f.addAll(due, func(string) bool { return true })
			}
		}
	}
}

func (f *Follower) add(due []string, e fsnotify.Event) []string {
	if e.Op == fsnotify.Chmod {
		return due
	}
	name := filepath.Clean(e.Name)
	return f.addAll(due, func(clean string) bool { return clean == name || filepath.Dir(clean) == name })
}

func (f *Follower) addAll(due []string, touched func(clean string) bool) []string {
	for clean, given := range f.paths {
		if touched(clean) && !slices.Contains(due, given) {
			due = append(due, given)
		}
	}
	return due
}
