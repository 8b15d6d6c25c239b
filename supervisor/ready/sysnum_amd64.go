package ready

import "golang.org/x/sys/unix"

// System calls that only some machines have.
const (
	sysPoll   = unix.SYS_POLL
	sysSelect = unix.SYS_SELECT
)
