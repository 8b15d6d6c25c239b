package ready

// System calls that only some machines have: a negative number is none. On arm64 the
// C library spells poll and select as ppoll and pselect6.
const (
	sysPoll   = -2
	sysSelect = -3
)
