//go:build !race

package herd

// The whole of every world.
const (
	exploreLimit = 0
	exploreFloor = 356_000
	bugLimit     = 100_000 // states in which a seeded bug must be found
)
