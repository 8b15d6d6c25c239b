package pool

import "time"

// wait says how long the replacement of a worker that just died has to wait,
// and counts the death. Who was up for shortLife is replaced at once, as s6 does
// it; so is who was up at all and died young for the first time.
func (p *Pool) wait(s *Slot) time.Duration {
	var life time.Duration
	if !s.UpSince.IsZero() {
		life = p.now.Sub(s.UpSince)
	}
	if life >= goodLife {
		s.Fails = 0
	}
	if life >= shortLife {
		return 0
	}
	s.Fails++
	if s.Fails == 1 && !s.UpSince.IsZero() {
		return 0
	}
	return p.jitter(backoff(s.Fails))
}

// backoff doubles from firstWait up to longWait.
func backoff(fails int) time.Duration {
	d := firstWait
	for range fails - 1 {
		if d *= 2; d >= longWait {
			return longWait
		}
	}
	return d
}

// jitter takes up to half of d away, so that many that died together do not come
// back together. It never adds: longWait is a promise.
func (p *Pool) jitter(d time.Duration) time.Duration {
	if p.policy.Seed == 0 {
		return d
	}
	return d - time.Duration(p.random()%uint64(d/2))
}

// random is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
// generators, 2014): one word of state, good enough to spread restarts.
func (p *Pool) random() uint64 {
	p.rand += 0x9e3779b97f4a7c15
	z := p.rand
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
