package control

import (
	"context"
	"errors"
	"os"
	"time"
)

// errLeaving is the cause of a context that ends because the server closes.
var errLeaving = errors.New("the herder is leaving")

// waiting is the context of one request: it ends with the server and with the
// time the client is willing to wait.
func (s *Server) waiting(r Request) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	d, _ := r.Wait() // ParseRequest has seen to it
	if d == 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeout(ctx, d)
	return ctx, func(err error) { cancel(err); stop() }
}

// errHungUp is the cause of a context whose client has gone.
var errHungUp = errors.New("the client has gone")

// watch ends the context when the client hangs up; stop ends the watch.
func (s *Server) watch(c *client, cancel context.CancelCauseFunc) (stop func()) {
	_ = c.conn.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err := c.conn.Read(make([]byte, 1))
		if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) && hungUp(c.conn) {
			cancel(errHungUp)
		}
	}()
	return func() {
		_ = c.conn.SetReadDeadline(past)
		<-done
	}
}

// Await is how a [Handler] waits for an answer that somebody else works out: the
// answer, if it is there, else why there will be none.
func Await(ctx context.Context, answer <-chan Reply) Reply {
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
	}
	select { // both at once: an answer that is there is the better one
	case r := <-answer:
		return r
	default:
		return Late(ctx)
	}
}

// Late is the reply to a request whose context has ended.
func Late(ctx context.Context) Reply {
	switch why := context.Cause(ctx); {
	case errors.Is(why, context.DeadlineExceeded):
		return Reply{Code: TimedOut, Error: "timed out waiting; the herder goes on with what it was asked"}
	case errors.Is(why, errLeaving):
		return Reply{Code: NotRunning, Error: "the herder is leaving"}
	default:
		return Reply{Code: Failed, Error: why.Error()}
	}
}
