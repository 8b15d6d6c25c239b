package foreign

import (
	"fmt"
	"sync"

	"github.com/herderd/herder/supervisor/output"
)

// voice is what a master writes, and with it each successor that it starts by itself,
// for those have its pipes. Their followers share it; the last one closes the log.
type voice struct {
	out   *output.Output
	log   *output.File // nil: the user named none
	pumps sync.WaitGroup

	mu         sync.Mutex
	holders    int
	complaints []string // of the log, not told yet
}

// newVoice makes the pipes for the master of a generation.
func newVoice(s Spec) (*voice, error) {
	v := &voice{}
	opts := output.Options{Pumps: &v.pumps, Both: s.Row.LogsToStdout}
	if s.User != nil {
		opts.UID, opts.GID = int(s.User.UID), int(s.User.GID)
	}
	if s.LogFile != "" {
		v.log = output.OpenFile(s.LogFile, v.complain)
		opts.Log = v.log
	}
	if s.LogPrefix {
		opts.Prefix = fmt.Sprintf("[%s %d] ", s.Name, s.Generation)
		if s.Binds { // nobody can tell its lines from those of its successors
			opts.Prefix = fmt.Sprintf("[%s] ", s.Name)
		}
	}
	var err error
	if v.out, err = output.New(opts); err != nil && v.log != nil {
		v.log.Close()
	}
	return v, err
}

func (v *voice) complain(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.complaints = append(v.complaints, err.Error())
}

// heardOf takes what there is to complain of.
func (v *voice) heardOf() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.complaints
	v.complaints = nil
	return all
}

func (v *voice) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holders++
}

func (v *voice) letGo() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holders--; v.holders == 0 && v.log != nil {
		v.log.Close()
	}
}

// listen: this follower's master writes with that voice from now on.
func (f *Follower) listen(v *voice) {
	v.hold()
	f.voice, f.tail = v, v.out.Listen(f.heardStderr)
}

// deafen ends listen.
func (f *Follower) deafen() {
	if f.voice != nil {
		f.voice.out.Forget(f.tail)
		f.voice.letGo()
		f.voice = nil
	}
}

func (f *Follower) reopenLog() {
	if f.voice != nil && f.voice.log != nil {
		f.voice.log.Reopen()
		f.complain()
	}
}

// share: a successor writes where its predecessor does.
func (f *Follower) share(with *Follower) {
	if with != nil && with.voice != nil {
		f.listen(with.voice)
	}
}
