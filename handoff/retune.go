package handoff

// Retune gives a live Listener the name and the options of s, which must be for
// the same address: what can be changed while connections wait (the backlog,
// O_NONBLOCK), at once. The others are returned by their names: they are part of
// how a socket is bound, and take a new one.
func (l *Listener) Retune(s Spec) (later []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fds) == 0 {
		return nil, ErrClosed
	}
	was := l.spec.Options
	for i := range optionTable {
		row := &optionTable[i]
		if row.write(&was) != row.write(&s.Options) && !live(row.name) {
			later = append(later, row.name)
		}
	}
	if s.Name != "" || !l.inherited {
		l.spec.Name = s.Name // one that was inherited has a name already
	}
	l.spec.Options.Backlog, l.spec.Options.Wait = s.Options.Backlog, s.Options.Wait
	l.spec.Options.Tries, l.spec.Options.Delay = s.Options.Tries, s.Options.Delay
	l.nonblock = s.Options.Wait == NonBlocking || l.nonblock && s.Options.Wait != Blocking
	l.settled = 0 // what somaxconn left of the backlog before
	if l.sealed {
		return later, nil
	}
	for i := range l.fds {
		if _, err := l.repairSocket(i); err != nil {
			return later, l.explain("retune", err)
		}
	}
	return later, nil
}

// live says whether an option can be changed on a socket that listens, or matters only for the next bind.
func live(option string) bool {
	switch option {
	case "backlog", "blocking", "nonblocking", "tries", "delay":
		return true
	}
	return false
}
