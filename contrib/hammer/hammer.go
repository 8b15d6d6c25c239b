package hammer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Target says what to hammer, and how hard.
type Target struct {
	Network string // tcp or unix
	Address string // host:port, or the path of a unix socket

	Connections int // clients which keep their connection alive; both 0: four of each kind
	OneShot     int // clients which open a connection for each request

	Log     string        // the file in which the workers log; "" when the log is not to be compared
	First   int           // the first number; hammers which share a log take ranges of their own
	Pause   time.Duration // between two requests of one client; 0: 2 ms
	Timeout time.Duration // after which a request counts as lost; 0: 30 s
	Sleep   time.Duration // how long the worker is asked to work on each request
	Proxied bool          // a proxy is between, so that one connection may be answered by many processes
}

func (t Target) withDefaults() Target {
	if t.Connections == 0 && t.OneShot == 0 {
		t.Connections, t.OneShot = 4, 4
	}
	if t.First == 0 {
		t.First = 1
	}
	if t.Pause == 0 {
		t.Pause = 2 * time.Millisecond
	}
	if t.Timeout == 0 {
		t.Timeout = 30 * time.Second
	}
	return t
}

// Hammer is a set of clients at work.
type Hammer struct {
	target   Target
	ctx      context.Context
	cancel   context.CancelFunc
	clients  sync.WaitGroup
	gate     gate
	answered atomic.Int64

	mu   sync.Mutex
	sent []outcome // sent[i] is what became of the request with the number First+i
}

// Start sets the clients of t to work, until ctx ends or Stop is called.
func Start(ctx context.Context, t Target) *Hammer {
	h := &Hammer{target: t.withDefaults()}
	h.ctx, h.cancel = context.WithCancel(ctx)
	for i := range h.target.Connections + h.target.OneShot {
		c := &client{hammer: h, keep: i < h.target.Connections}
		h.clients.Go(c.run)
	}
	return h
}

// Answered is the number of requests which were answered so far.
func (h *Hammer) Answered() int64 { return h.answered.Load() }

// Pause returns when no request is in flight, and holds all clients back until Resume. Their connections stay open.
func (h *Hammer) Pause() { h.gate.shut() }

// Resume lets the clients go on.
func (h *Hammer) Resume() { h.gate.open() }

// Stop lets each client finish the request it has in hand, reads the log, and returns the account. killed are the pids of
// processes which were killed meanwhile: what they had in hand is excused.
func (h *Hammer) Stop(killed ...int) Report {
	h.cancel()
	h.Resume()
	h.clients.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return account(h.target, h.sent, killed)
}

// next takes a number. The outcome stays "lost: no answer" until it is settled.
func (h *Hammer) next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, outcome{fault: unsettled})
	return h.target.First + len(h.sent) - 1
}

func (h *Hammer) settle(id int, o outcome) {
	if o.fault == none {
		h.answered.Add(1)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[id-h.target.First] = o
}

// gate holds clients back between two requests. Each request holds the gate for reading, so shut waits for all of them.
type gate struct {
	mu     sync.RWMutex
	isShut atomic.Bool
}

func (g *gate) enter() { g.mu.RLock() }
func (g *gate) leave() { g.mu.RUnlock() }

func (g *gate) shut() {
	g.mu.Lock()
	g.isShut.Store(true)
}

func (g *gate) open() {
	if g.isShut.CompareAndSwap(true, false) {
		g.mu.Unlock()
	}
}
