package supervisor

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells the supervisor above us, where it listens (sd_notify(3)):
// systemd with Type=notify, or whoever set NOTIFY_SOCKET.
func notifier(log *slog.Logger) func(state string) {
	return func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("cannot notify the supervisor", "error", err)
		}
	}
}
