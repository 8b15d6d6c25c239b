package control

import (
	"net"
	"sync"
	"time"
)

// past is a deadline that has passed: it wakes a read that waits.
var past = time.Unix(1, 0)

// A client is one connection with a place in the room.
type client struct {
	conn  *net.UnixConn
	asked bool // its request is whole: it is no longer the room's to evict
	out   bool // it has lost its place
}

// A room has so many places for clients. A client that has not finished its
// request may lose its place to one that comes later: 500 clients that send a
// byte every ten seconds (slowloris) keep nobody else from being answered.
type room struct {
	mu     sync.Mutex
	places int
	in     []*client // in the order they came
}

// admit gives c a place, if need be that of the client that came first of those
// which are still silent. It is false when all others wait for an answer.
func (r *room) admit(c *client) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.in) >= r.places && !r.evict() {
		return false
	}
	r.in = append(r.in, c)
	return true
}

// evict takes the place of one silent client.
func (r *room) evict() bool {
	for i, c := range r.in {
		if !c.asked {
			r.in = append(r.in[:i], r.in[i+1:]...)
			c.out = true
			_ = c.conn.SetReadDeadline(past)
			return true
		}
	}
	return false
}

// begin says that c's reading has ended, and whether it still has its place.
func (r *room) begin(c *client) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.asked = true
	return !c.out
}

// leave gives c's place back.
func (r *room) leave(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.in {
		if other == c {
			r.in = append(r.in[:i], r.in[i+1:]...)
			return
		}
	}
}

// empty takes every place there is: silent clients lose theirs, no other gets
// one. It returns the clients that still wait for an answer.
func (r *room) empty() []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = 0
	for r.evict() {
	}
	return append([]*client(nil), r.in...)
}
