package dialect

// sidekiq's signals are those of its cli.rb (6.4), SIGNAL_HANDLERS. TTIN prints
// backtraces there, so there is no Grow. TSTP, by which it takes
// no new work, is not said: it cannot be taken back, and if the successor fails the old
// one must go on. All is tried with 6.4.1.
var sidekiq = Row{
	Name: "sidekiq", About: "job queue for Ruby, without a socket",
	Programs: []string{"sidekiq"},
	Kind:     Pool, Alone: Pool,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT"},
	Means: inherited, Daemon: []string{"-d", "--daemon"},
	SaysReady: true, LogsToStdout: true,
	Clean: []string{"exit 0"},
	Traps: []string{
		"It is ready when it says READY=1, as it does from 6.0.6 on; for an older one, or a program that only looks like it, set ready = \"delay:10s\" or so.",
		"HUP, QUIT, USR1 and USR2 kill it, and the jobs it has in hand are lost.",
		"A job that takes longer than its --timeout (25 s) after TERM is put back into the queue; stop_timeout should be longer than that by 5 s.",
		"INT means what TERM does, so what a quick stop finds in hand and is not done within 5 s is lost.",
		"During an upgrade the old one takes jobs until the new one is ready: new jobs must be such that old code can do them.",
		"With a watchdog of less than 1 s it does not start.",
	},
}
