#!/bin/sh
# The tasks of capistrano3-unicorn, each as the commands that it runs on the host; $UNICORN is its setting unicorn_exec.
set -eu
cd "$WORK/current"

runs() { [ -e "$PID" ] && kill -0 "$(cat "$PID")"; }

start() {
	if runs; then
		echo 'unicorn is running'
	else
		"$UNICORN" -c config/unicorn/production.rb -E deployment -D
	fi
}

tell() { kill -s "$1" "$(cat "$PID")"; }

case $1 in
start) start ;;
stop)
	if runs; then
		tell QUIT
	elif [ -e "$PID" ]; then
		rm "$PID"
	fi
	;;
reload)
	start
	tell HUP
	;;
restart | duplicate)
	start
	tell USR2
	;;
legacy_restart)
	start
	tell USR2
	sleep 3
	if [ -e "$PID.oldbin" ]; then
		echo 'QUIT to .oldbin'
		kill -s QUIT "$(cat "$PID.oldbin")"
	fi
	;;
add_worker) ! [ -e "$PID" ] || tell TTIN ;;
remove_worker) ! [ -e "$PID" ] || tell TTOU ;;
*) exit 64 ;;
esac
