// Package foreign follows a generation whose master is not herder's own: an app
// server with workers, or a single process that is its own master.
//
// Invariant: it looks from outside and says signals; it never waits for a process
// (the herder's reaper does), never ends one on its own account, and decides nothing
// about generations. What it sees it tells in the words of a native master (package
// master: Report, Order), so that the herder need not know which kind it talks to.
//
// One goroutine owns everything ([Follower.follow]). While the generation boots it
// looks at the process tree every few milliseconds; once that is whole it sleeps until
// a worker dies (pidfd), a message comes, or somebody asks.
//
// To the herder such a generation is one worker, which is up when the server serves:
// how many workers a server has is its own affair.
//
// # When it serves
//
// A worker is a process of the tree that waits on a listener (package ready, armed):
// that is so for all app servers tried, and needs nothing from them. How many of them
// make the generation whole is the rule in muster.go. READY=1 counts only where there
// are no listeners to look at, or where the user says notify: several servers send it
// before any worker has loaded the app.
package foreign
