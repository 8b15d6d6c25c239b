package dialect

import "strings"

// Private says whether an environment variable was meant for one process alone
// and so must not be passed on: who inherited it would take sockets, pids or
// messages of another for its own.
func Private(key string) bool {
	switch key {
	case "LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES", // sd_listen_fds(3)
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "FDSTORE", // sd_notify(3), sd_watchdog_enabled(3)
		"MAINPID", "SYSTEMD_EXEC_PID", "MANAGERPID", // systemd.exec(5)
		"GUNICORN_FD", "GUNICORN_PID", "UNICORN_FD", "NGINX", "NGINX_BPID", "FPM_SOCKETS",
		"HERDER_GENERATION", "HERDER_WORKER", "HERDER_READY_FD":
		return true
	}
	for _, prefix := range []string{"EINHORN_", "SERVER_STARTER_", "PUMA_INHERIT_"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
