package control

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestK8FiftyUpgradesAtOnce(t *testing.T) {
	var running, most, ran atomic.Int32
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	var refused sync.WaitGroup
	refused.Add(49)
	h := func(context.Context, Request) Reply {
		select {
		case <-turn:
		default:
			refused.Done()
			return Reply{Code: Busy, Error: "another upgrade runs"}
		}
		most.Store(max(most.Load(), running.Add(1)))
		refused.Wait() // for as long as any of the others has not been refused
		ran.Add(1)
		running.Add(-1)
		return Reply{Verdict: &Verdict{Verdict: Upgraded}}
	}
	lim := small()
	lim.clients = 64
	s := start(t, h, lim)
	var all sync.WaitGroup
	var done, busy atomic.Int32
	for range 50 {
		all.Go(func() {
			switch r := ask(t, s, Request{Do: DoUpgrade}); r.Code {
			case OK:
				done.Add(1)
			case Busy:
				busy.Add(1)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || busy.Load() != 49 || ran.Load() != 1 || most.Load() != 1 {
		t.Errorf("%d done, %d busy, %d ran, %d at once", done.Load(), busy.Load(), ran.Load(), most.Load())
	}
}

func TestK9AskedWhileClosing(t *testing.T) {
	inside := make(chan struct{})
	s := start(t, func(ctx context.Context, r Request) Reply {
		if r.Do == DoUpgrade {
			close(inside)
			return Await(ctx, nil)
		}
		return echo(ctx, r)
	}, small())
	waits := make(chan Reply, 1)
	go func() { waits <- ask(t, s, Request{Do: DoUpgrade}) }()
	<-inside
	half := raw(t, s)
	_, _ = half.Write([]byte("{"))
	eventually(t, "one is silent", func() bool { n, _ := s.room.silent(); return n == 1 })

	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { hammer(t, s, stop) })
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(stop)
	all.Wait()
	if r := <-waits; r.Code != NotRunning {
		t.Errorf("the one who waited heard %+v", r)
	}
	if r := hearReply(t, half); r.Code != NotRunning {
		t.Errorf("the silent one heard %+v", r)
	}
	if _, err := os.Lstat(s.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// hammer asks until stop: each time there is an answer, or word that there is
// nobody; never a hang.
func hammer(t *testing.T, s *Server, stop chan struct{}) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		reply, err := Call(ctx, s.Path(), Request{Do: DoStatus})
		cancel()
		switch {
		case err != nil && !errors.Is(err, ErrNotRunning) && !errors.Is(err, ErrNoAnswer):
			t.Errorf("%v", err)
		case err == nil && reply.Code != OK && reply.Code != NotRunning && reply.Code != Busy:
			t.Errorf("%+v", reply)
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

func TestK10UnknownVersionOrRequest(t *testing.T) {
	s := start(t, echo, small())
	for text, want := range map[string]string{
		`{"v":2,"do":"status"}`:             "protocol version 2",
		`{"do":"status"}`:                   "protocol version 0",
		`{"v":1,"do":"explode"}`:            `unknown request "explode": one of status, upgrade`,
		`{"v":1}`:                           `unknown request ""`,
		`{"v":1,"do":"status","force":1}`:   `unknown key "force"`,
		`{"v":1,"do":"status","DO":"stop"}`: `unknown key "DO"`,
	} {
		if r := say(t, s, text+"\n"); r.Code != Usage || !strings.Contains(r.Error, want) {
			t.Errorf("%s: %+v", text, r)
		}
	}
}
