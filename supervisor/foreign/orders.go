package foreign

import (
	"sync"

	"github.com/herderd/herder/supervisor/master"
)

// orders are those that wait to be obeyed. Who gives one never waits.
type orders struct {
	mu      *sync.Mutex
	waiting *[]master.Order
	wake    chan struct{} // one token: there are some
}

func newOrders() orders {
	return orders{mu: new(sync.Mutex), waiting: new([]master.Order), wake: make(chan struct{}, 1)}
}

func (o orders) put(order master.Order) {
	o.mu.Lock()
	*o.waiting = append(*o.waiting, order)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o orders) take() []master.Order {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := *o.waiting
	*o.waiting = nil
	return all
}
