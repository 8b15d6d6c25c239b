//go:build race

package herd

// The race detector makes a search slow, and there is no goroutine in it: the
// beginning of every world.
const (
	exploreLimit = 2000
	exploreFloor = 2000
	bugLimit     = 100_000 // states in which a seeded bug must be found
)
