//go:build race

package proc

// underRace: the detector makes our side several times slower.
const underRace = true
