package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Handler answers one request, in the client's own goroutine. It returns soon
// after ctx is done (see [Await]): the request's timeout has passed, the client
// has gone, or the server closes.
type Handler func(ctx context.Context, r Request) Reply

// limits bound what clients can take. Tests make them small.
type limits struct {
	clients  int           // at once
	patience time.Duration // for a whole request, and for a whole reply
	leave    time.Duration // for handlers to return once the server closes
	uid      int           // who is served, beside root
}

// An Option of [Serve].
type Option func(*Server)

// WithLog sends what the server has to say (strangers, failing accepts) to l
// instead of [slog.Default].
func WithLog(l *slog.Logger) Option { return func(s *Server) { s.log = l } }

// A Server answers the requests that come in at one socket.
type Server struct {
	path    string
	inode   unix.Stat_t // of the socket's name, to remove no other
	l       *net.UnixListener
	handler Handler
	log     *slog.Logger
	limits  limits
	room    room
	all     sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelCauseFunc
	close   func() error
}

// Serve binds path, in a directory that is made when it is missing (see
// [MakeDir]), and answers with h from then on. The error is [ErrInUse] when
// another herder answers there; it names what is in the way otherwise.
func Serve(path string, h Handler, options ...Option) (*Server, error) {
	standard := limits{clients: 64, patience: 10 * time.Second, leave: 5 * time.Second, uid: os.Geteuid()}
	return serve(path, h, standard, options...)
}

func serve(path string, h Handler, lim limits, options ...Option) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, l: l, handler: h, log: slog.Default(), limits: lim, room: room{places: lim.clients}}
	if err := unix.Lstat(path, &s.inode); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot find control socket %s again: %w", path, err)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.close = sync.OnceValue(s.shut)
	for _, o := range options {
		o(s)
	}
	s.all.Go(s.accept)
	return s, nil
}

// Path is the socket's name.
func (s *Server) Path() string { return s.path }

// Close takes no more clients, answers those who are still sending with an
// error, ends the contexts of those who wait, and returns when every one of
// them is answered, or when a handler has not returned after five seconds. It
// removes the socket's name if that is still ours.
func (s *Server) Close() error { return s.close() }

func (s *Server) shut() error {
	err := s.unlink()
	s.cancel(errLeaving)
	err = errors.Join(err, s.l.Close())
	waiting := s.room.empty()
	done := make(chan struct{})
	go func() { s.all.Wait(); close(done) }()
	late := time.NewTimer(s.limits.leave)
	defer late.Stop()
	select {
	case <-done:
		return err
	case <-late.C:
	}
	for _, c := range waiting {
		c.conn.Close()
	}
	return errors.Join(err, fmt.Errorf("control socket %s: %d requests are still without an answer", s.path, len(waiting)))
}

// unlink removes the socket's name unless another has taken its place.
func (s *Server) unlink() error {
	var now unix.Stat_t
	if unix.Lstat(s.path, &now) != nil || now.Ino != s.inode.Ino || now.Dev != s.inode.Dev {
		return nil
	}
	if err := unix.Unlink(s.path); err != nil {
		return fmt.Errorf("cannot remove control socket %s: %w", s.path, err)
	}
	return nil
}

// accept lets clients in. A failing accept (EMFILE, ENFILE, ENOMEM) is tried
// again with growing pauses, for the queue in front of it stays readable.
func (s *Server) accept() {
	pause := time.Duration(0)
	for {
		conn, err := s.l.AcceptUnix()
		switch {
		case err == nil:
			pause = 0
			s.greet(conn)
			continue
		case s.ctx.Err() != nil:
			return
		case pause == 0:
			s.log.Warn("cannot accept a control client", "error", cause(err))
		}
		pause = min(2*pause+10*time.Millisecond, time.Second)
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// greet closes strangers, turns away those for whom there is no place, and
// gives the others a goroutine.
func (s *Server) greet(conn *net.UnixConn) {
	who, err := peer(conn)
	if err != nil || who.Uid != 0 && int(who.Uid) != s.limits.uid {
		conn.Close()
		s.stranger(who, err)
		return
	}
	c := &client{conn: conn}
	// Before it has a place: who loses it is woken by a deadline in the past.
	_ = conn.SetReadDeadline(time.Now().Add(s.limits.patience))
	if !s.room.admit(c) {
		s.answer(c, s.fullHouse())
		conn.Close()
		return
	}
	s.all.Go(func() {
		defer conn.Close()
		defer s.room.leave(c)
		s.answer(c, s.hear(c))
	})
}

func (s *Server) stranger(who *unix.Ucred, err error) {
	if err != nil {
		s.log.Warn("closed a control client: cannot tell who it is", "error", err)
		return
	}
	s.log.Warn("closed a control client of another user", "uid", who.Uid, "gid", who.Gid, "pid", who.Pid)
}

// fullHouse is the answer for those who have no place, or lost it.
func (s *Server) fullHouse() Reply {
	if s.ctx.Err() != nil {
		return Late(s.ctx)
	}
	return Reply{Code: Busy, Error: fmt.Sprintf("busy: %d clients already talk to the herder; try again", s.limits.clients)}
}

// hear reads one request and asks the handler.
func (s *Server) hear(c *client) Reply {
	line, err := readLine(c.conn)
	if !s.room.begin(c) {
		return s.fullHouse()
	}
	if err != nil {
		return Reply{Code: Usage, Error: err.Error()}
	}
	r, err := ParseRequest(line)
	if err != nil {
		return Reply{Code: Usage, Error: err.Error()}
	}
	ctx, cancel := s.waiting(r)
	defer cancel(nil)
	stop := s.watch(c, cancel)
	defer stop()
	return s.handler(ctx, r)
}

// readLine reads up to the first newline, and refuses to go on after it.
func readLine(conn *net.UnixConn) ([]byte, error) {
	var line []byte
	part := make([]byte, 4096)
	for len(line) < MaxLine {
		n, err := conn.Read(part[:min(len(part), MaxLine-len(line))])
		line = append(line, part[:n]...)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			if end+1 < len(line) {
				return nil, errors.New("something follows the request: one request a connection")
			}
			return line, nil
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, errors.New("the request did not end in time")
		case errors.Is(err, io.EOF):
			return nil, errors.New("the request ended without a newline")
		case err != nil:
			return nil, fmt.Errorf("cannot read the request: %w", cause(err))
		}
	}
	return nil, fmt.Errorf("request longer than %d bytes", MaxLine)
}

// answer sends a reply. Nobody is told when it cannot be sent: the only one who
// would want to know has gone, or does not read.
func (s *Server) answer(c *client, r Reply) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(s.limits.patience))
	_, _ = c.conn.Write(r.line())
}
