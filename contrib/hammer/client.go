package hammer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// fault is why a request counts as lost.
type fault string

const (
	none      fault = ""
	unsettled fault = "unsettled" // the hammer itself was ended before the request was
	refused   fault = "refused"   // nobody listens: ECONNREFUSED, or no such unix socket
	reset     fault = "reset"     // ECONNRESET or EPIPE
	closed    fault = "closed"    // the connection ended before the first byte of an answer
	timeout   fault = "timeout"
	garbled   fault = "garbled"  // not a whole HTTP answer, or a status other than 200
	wrong     fault = "wrong id" // the answer to another request
	moved     fault = "moved"    // one connection, but answers of two processes
	unlogged  fault = "unlogged" // answered, but not in the log
	doubled   fault = "doubled"  // more than once in the log
	different fault = "different from the log"
	other     fault = "error"
)

// outcome is what became of one request.
type outcome struct {
	fault   fault
	detail  string // the error in words
	reused  bool   // the connection had carried an answer before
	retried int
	owner   int // pid of the process which answered on this connection before; 0: unknown
	answer  answer
}

// answer is the line "N GENERATION SLOT PID" without the number.
type answer struct {
	generation, slot, pid int
}

// client sends one request after the other.
type client struct {
	hammer *Hammer
	keep   bool
	conn   net.Conn
	in     *bufio.Reader
	last   answer // of this connection; zero before the first answer, and behind a proxy
	used   bool
}

const maxRetries = 3

func (c *client) run() {
	defer c.hangUp()
	for c.hammer.ctx.Err() == nil {
		c.hammer.gate.enter()
		if c.hammer.ctx.Err() == nil {
			id := c.hammer.next()
			c.hammer.settle(id, c.request(id))
		}
		c.hammer.gate.leave()
		select {
		case <-c.hammer.ctx.Done():
		case <-time.After(c.hammer.target.Pause):
		}
	}
}

// request sends the request id until it is answered or lost.
func (c *client) request(id int) outcome {
	for retries := 0; ; retries++ {
		o := c.try(id)
		o.retried = retries
		silent := o.fault == closed || o.fault == reset && o.detail == noAnswer
		if o.fault != none || !c.keep {
			c.hangUp()
		}
		if !silent || !o.reused || retries == maxRetries {
			return o
		}
	}
}

// noAnswer marks an error before the first byte of the answer.
const noAnswer = "no byte of an answer came"

func (c *client) try(id int) outcome {
	o := outcome{reused: c.used, owner: c.last.pid}
	deadline := time.Now().Add(c.hammer.target.Timeout)
	if c.conn == nil {
		conn, err := net.DialTimeout(c.hammer.target.Network, c.hammer.target.Address, c.hammer.target.Timeout)
		if err != nil {
			o.fault, o.detail = classify(err), err.Error()
			return o
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, maxHead)
	}
	_ = c.conn.SetDeadline(deadline)
	if _, err := io.WriteString(c.conn, requestText(id, c.keep, c.hammer.target.Sleep)); err != nil {
		// What was answered before the connection broke cannot be an answer to this request.
		o.fault, o.detail = classify(err), noAnswer
		return o
	}
	if _, err := c.in.Peek(1); err != nil {
		o.fault, o.detail = classify(err), noAnswer
		return o
	}
	return c.receive(id, o)
}

// receive reads the answer, of which at least one byte has come.
func (c *client) receive(id int, o outcome) outcome {
	r, err := readResponse(c.in)
	if err != nil {
		o.fault, o.detail = classify(err), err.Error()
		if o.fault == closed || o.fault == other {
			o.fault = garbled
		}
		return o
	}
	got, a, err := parseLine(r.body)
	switch {
	case err != nil:
		o.fault, o.detail = garbled, err.Error()
	case got != id:
		o.fault, o.detail = wrong, fmt.Sprintf("answer to request %d", got)
	case c.used && a != c.last && !c.hammer.target.Proxied:
		o.fault, o.detail = moved, fmt.Sprintf("pid %d answered before, now pid %d", c.last.pid, a.pid)
	}
	o.answer, c.used = a, true
	if !c.hammer.target.Proxied {
		c.last = a
	}
	if r.close {
		c.hangUp()
	}
	return o
}

func (c *client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn, c.in, c.last, c.used = nil, nil, answer{}, false
}

func classify(err error) fault {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		return timeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EAGAIN):
		return refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return closed
	}
	return other
}

func isTimeout(err error) bool {
	var net net.Error
	return errors.As(err, &net) && net.Timeout()
}
