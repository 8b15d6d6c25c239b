package master

import "sync"

// outbox sends in the background, so that who has something to say never waits.
// It cannot grow: what waits is merged with what comes.
type outbox[T any] struct {
	mu     sync.Mutex
	queue  []T
	merge  func(queue []T, item T) []T
	more   chan struct{} // one token: there may be something
	closed bool
	done   chan struct{} // closed when the sender has ended
}

func newOutbox[T any](merge func([]T, T) []T, send func(T) error) *outbox[T] {
	o := &outbox[T]{merge: merge, more: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run(send)
	return o
}

// put hands an item over; after close it is dropped.
func (o *outbox[T]) put(item T) {
	o.mu.Lock()
	if !o.closed {
		o.queue = o.merge(o.queue, item)
	}
	o.mu.Unlock()
	o.wake()
}

// close lets the sender end once all is sent; wait for done to know.
func (o *outbox[T]) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.wake()
}

func (o *outbox[T]) wake() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// take returns the next item; ok is false when there is none, over when there
// will be none.
func (o *outbox[T]) take() (item T, ok, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return item, false, o.closed
	}
	item = o.queue[0]
	o.queue = append(o.queue[:0:0], o.queue[1:]...)
	return item, true, false
}

// run sends until it is closed and empty, or until sending fails: then the other
// end is gone, and what is still said is dropped.
func (o *outbox[T]) run(send func(T) error) {
	defer close(o.done)
	for range o.more {
		for {
			item, ok, over := o.take()
			if over {
				return
			}
			if !ok {
				break
			}
			if send(item) != nil {
				o.close()
				return
			}
		}
	}
}
