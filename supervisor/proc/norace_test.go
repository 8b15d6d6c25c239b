//go:build !race

package proc

const underRace = false
