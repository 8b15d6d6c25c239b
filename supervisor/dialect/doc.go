// Package dialect knows how servers spell what herder says.
//
// Invariant: it is tables and the means to read them; it decides nothing and
// touches nothing. Who says a verb to a process looks its spelling up here and
// nowhere else, for the same signal means opposite things to different servers
// (QUIT is graceful for unicorn and quick for gunicorn).
package dialect
