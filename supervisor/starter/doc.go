// Package starter is the face of Server::Starter's start_server(1), version 0.35: its
// command line, what it tells a worker, the lines on stderr that people grep for, and
// its status file.
//
// The invariant: it decides nothing about generations. The [Keeper] goes along with a
// run of the herder (package supervisor, Companion), turns what happens there into the
// words of start_server, and asks for the next generation where start_server would
// start one by itself: a while after one that failed, and by the clock.
//
// One worker of start_server is one generation: a single process that is its own
// master. There is no native master.
//
// What is told to a worker:
//
//  1. SERVER_STARTER_PORT, "KEY=FD;KEY=FD", first the ports and then the paths, each as
//     the user wrote it (but for blanks, and brackets around an IPv6 address, which are
//     added). It is set and empty where there are none.
//  2. SERVER_STARTER_GENERATION, from 1 on; tries that failed count.
//  3. What the flags say in variables (ENVDIR, ENABLE_AUTO_RESTART, KILL_OLD_DELAY,
//     AUTO_RESTART_INTERVAL), and over it the files in ENVDIR, read for each worker.
package starter
