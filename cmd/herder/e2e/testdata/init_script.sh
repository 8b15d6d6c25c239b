#!/bin/sh
# The actions of unicorn's example init script: its conditions, signals and waits, in our words.
set -u
UPGRADE_DELAY=2 TIMEOUT=60

tell() { [ -s "$PID" ] && kill -s "$1" "$(cat "$PID")"; }
tell_oldbin() { [ -s "$PID.oldbin" ] && kill -s "$1" "$(cat "$PID.oldbin")"; }

# BY=pid: it remembers the pid that it has read before.
tell_old() {
	case $BY in
	pid) kill -s "$1" "$before" ;;
	oldbin) tell_oldbin "$1" ;;
	esac
}

upgrade() {
	if tell_oldbin 0; then
		echo 'the old one still runs'
		exit 1
	fi
	before=$(cat "$PID")
	if tell USR2 && sleep "$UPGRADE_DELAY" && [ "$(cat "$PID")" != "$before" ] && tell 0 && tell_old QUIT; then
		left=$TIMEOUT
		while tell_old 0 && [ "$left" -gt 0 ]; do
			sleep 1
			left=$((left - 1))
		done
		[ "$left" -gt 0 ] && exit 0
		echo "still there after $TIMEOUT s"
		exit 1
	fi
	echo "could not upgrade, starting $CMD instead"
	exec "$CMD"
}

case $1 in
start)
	if tell 0; then
		echo 'already running'
		exit 0
	fi
	exec "$CMD"
	;;
stop) tell QUIT || { echo 'not running' && exit 1; } ;;
force-stop) tell TERM || exit 1 ;;
reload) tell HUP || exec "$CMD" ;;
reopen-logs) tell USR1 ;;
upgrade) upgrade ;;
*) exit 64 ;;
esac
