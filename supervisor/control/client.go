package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotRunning says that nothing answers on the socket.
	ErrNotRunning = errors.New("no herder answers there")
	// ErrNoAnswer says that the herder took the request and went away.
	ErrNoAnswer = errors.New("the herder went away without an answer")
)

// Call sends one request to the herder whose control socket is path and waits
// for its reply until ctx is done. V may be 0, and is then [Version]. The error
// is about the talk only (see [Code]); what the herder thinks is in the reply.
func Call(ctx context.Context, path string, r Request) (Reply, error) {
	c, err := connect(ctx, path)
	if err == nil {
		defer c.Close()
		var reply Reply
		if reply, err = talk(ctx, c, r); err == nil {
			return reply, nil
		}
	}
	return Reply{}, fmt.Errorf("cannot ask the herder at %s: %w", path, err)
}

// CallToTheEnd is Call for a request that ends the herder: it returns when the
// process is gone, if it was asked with success, so that another can take its
// place. A herder that leaves while it answers may give [ErrNoAnswer].
func CallToTheEnd(ctx context.Context, path string, r Request) (Reply, error) {
	c, err := connect(ctx, path)
	if err != nil {
		return Reply{}, fmt.Errorf("cannot ask the herder at %s: %w", path, err)
	}
	defer c.Close()
	herder := open(c)
	defer herder.Close()
	reply, err := talk(ctx, c, r)
	if err == nil && reply.Code == OK || errors.Is(err, ErrNoAnswer) {
		if gone := awaitEnd(ctx, herder); gone != nil {
			err = gone
		}
	}
	if err != nil {
		return reply, fmt.Errorf("asked the herder at %s: %w", path, err)
	}
	return reply, nil
}

// open gives a pidfd of the herder behind c: that process and no other, for it
// still listens. It is nil, and not waited for, where there is none to be had:
// an old kernel, or a herder in another pid namespace, whose pid reads as 0.
func open(c *net.UnixConn) *os.File {
	who, err := peer(c)
	if err != nil || who.Pid <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(int(who.Pid), 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "pidfd of the herder")
}

// awaitEnd waits for the process of a pidfd, which becomes readable when it
// ends (pidfd_open(2)).
func awaitEnd(ctx context.Context, herder *os.File) error {
	if herder == nil {
		return nil
	}
	for ctx.Err() == nil {
		p := []unix.PollFd{{Fd: int32(herder.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, 100); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil
		}
	}
	return ctx.Err()
}

// talk sends the request and reads the reply.
func talk(ctx context.Context, c *net.UnixConn, r Request) (Reply, error) {
	if r.V == 0 {
		r.V = Version
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	defer stop()
	line, err := json.Marshal(r)
	if err != nil {
		return Reply{}, err
	}
	// A herder that refuses us closes or answers before it has read all: its
	// reply, if any, says more than our EPIPE.
	_, wrote := c.Write(append(line, '\n'))
	answer, err := bufio.NewReader(io.LimitReader(c, MaxReply)).ReadBytes('\n')
	if err == nil {
		return parseReply(answer)
	}
	if ctx.Err() != nil {
		return Reply{}, ctx.Err()
	}
	switch {
	case len(answer) == MaxReply:
		return Reply{}, fmt.Errorf("its reply is longer than %d bytes", MaxReply)
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(wrote, unix.EPIPE):
		return Reply{}, ErrNoAnswer
	}
	return Reply{}, err
}

// connect waits out a full queue (EAGAIN, connect(2) on a unix socket), and
// tells the errors that mean "nobody there" from the others.
func connect(ctx context.Context, path string) (*net.UnixConn, error) {
	for {
		c, err := dial(ctx, path)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
			return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
		case !errors.Is(err, unix.EAGAIN):
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func parseReply(line []byte) (Reply, error) {
	var r Reply
	if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
		return Reply{}, fmt.Errorf("its reply makes no sense: %w", err)
	}
	return r, nil
}

// Code is the exit code for an error of [Call].
func Code(err error) int {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, ErrNotRunning):
		return NotRunning
	case errors.Is(err, fs.ErrPermission):
		return NoPermission
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	return Failed
}
