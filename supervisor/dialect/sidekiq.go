package dialect

// sidekiq's signals are those of its cli.rb (6.4), SIGNAL_HANDLERS. TTIN prints
// backtraces there, so there is no Grow.
var sidekiq = Row{
	Name: "sidekiq", About: "job queue for Ruby, without a socket",
	Programs: []string{"sidekiq"},
	Kind:     Pool, Alone: Pool,
	Says:  [verbs]string{Graceful: "TERM", Quick: "INT", Abort: "ABRT", Quiet: "TSTP"},
	Means: inherited, Daemon: []string{"-d", "--daemon"},
	Clean: []string{"exit 0"},
	Traps: []string{
		"HUP, QUIT, USR1 and USR2 kill it, with the job it has in hand.",
		"A job that takes longer than its --timeout (25 s) after TERM is put back into the queue; stop_timeout should be longer than that.",
	},
}
