package master

import (
	"encoding/json"
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// Link is the herder's end of a master. Its methods never block.
type Link struct {
	conn    *conn
	orders  *outbox[Order]
	reports chan Report
	theirs  []int // the master's ends of what Prepare made, until Spawned
	closing chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

func newLink(c *conn, theirs []int) *Link {
	l := &Link{conn: c, reports: make(chan Report), theirs: theirs, closing: make(chan struct{})}
	l.orders = newOutbox(mergeOrder, func(o Order) error { return c.send(o) })
	l.done.Add(1)
	go l.listen()
	return l
}

// Send gives an order. Orders reach the master in order, but one that a later one
// makes pointless may not be sent at all.
func (l *Link) Send(o Order) { l.orders.put(o) }

// C delivers the reports. It is closed when the master is gone, or by Close. Who
// does not take from it makes the master drop old states, and nobody wait.
func (l *Link) C() <-chan Report { return l.reports }

// Spawned closes the herder's copies of the master's ends: call it once the master
// is spawned, or could not be.
func (l *Link) Spawned() {
	for _, fd := range l.theirs {
		unix.Close(fd)
	}
	l.theirs = nil
}

// Close ends the link; to a master that lives this is the order to finish and
// leave. It may be called again.
func (l *Link) Close() {
	l.once.Do(func() {
		close(l.closing)
		l.Spawned()
		l.orders.close()
		l.conn.close()
		l.done.Wait()
		<-l.orders.done
	})
}

func (l *Link) listen() {
	defer l.done.Done()
	defer close(l.reports)
	for {
		var r Report
		err := l.conn.receive(&r)
		switch {
		case err == nil:
		case isSyntax(err):
			continue // not ours; the next packet may be
		default:
			return
		}
		select {
		case l.reports <- r:
		case <-l.closing:
			return
		}
	}
}

// isSyntax tells a packet that is no document of ours from a socket that has ended.
func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind)
}
