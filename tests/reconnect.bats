#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Each word of RUMPHIJACK_RETRYCONNECT, at the first connect and after the server is gone, by
# kill -9, by rump.halt and by a restart; and what a client loses.

load lib

CLIENTS=$RUMP_TOP/tests/clients.py

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3
}

setup() {
	limit=90
	socket=
	D=/rump/tmp
	cd "$T"
}

teardown() {
	end_kernels
}

# retry WORD COMMAND...: as client
retry() {
	local word=$1
	shift
	RUMPHIJACK_RETRYCONNECT=$word client "$@"
}

no_server() {
	SERVER_FOLDER=$(short_folder)
	SERVER_FOLDERS+=("$SERVER_FOLDER")
	export RUMP_SERVER=unix://$SERVER_FOLDER/socket
}

# later SECONDS: a server comes at the address of no_server
later() {
	(
		sleep "$1"
		_serve "$RUMP_SERVER"
	) 3>&- &
}

took() {
	echo "took $((($(date +%s%N) - $1) / 1000000)) ms" >&2
	echo $((($(date +%s%N) - $1) / 1000000))
}

kill_server() {
	kill -9 "$SERVER_PID"
	wait_until 10 _is_gone "$SERVER_PID"
}

again() {
	_serve "$RUMP_SERVER"
}

halt() {
	timeout -k 5 30 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$RUMP_LIBRARIES/rump.halt" "$@" "$RUMP_SERVER"
}

# ---- the first connect ----

@test "no server: without a word, 0 and once fail at once, in one line; the program goes on" {
	local word start
	no_server
	for word in none 0 once; do
		start=$(date +%s%N)
		if [ $word = none ]; then
			run client bash -c "read x <$D/f; echo goes on"
		else
			run retry $word bash -c "read x <$D/f; echo goes on"
		fi
		echo "$word: $output"
		[ "$status" = 0 ]
		[ "${lines[-1]}" = "goes on" ]
		[ "$(grep -c '^rumphijack: ' <<<"$output")" = 1 ]
		grep -q "^rumphijack: .*$SERVER_FOLDER/socket" <<<"$output"
		[ "$(took "$start")" -lt 50000 ]
	done
}

@test "no server: die says so and ends with 1" {
	no_server
	run retry die bash -c "read x <$D/f; echo goes on"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"$SERVER_FOLDER/socket"* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "no server: a number of seconds is waited, not more" {
	local start
	no_server
	start=$(date +%s%N)
	run retry 2 bash -c "read x <$D/f; echo goes on"
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "goes on" ]
	[ "$(took "$start")" -ge 1000 ]
	[ "$(took "$start")" -lt 50000 ]
}

@test "a server that comes later: for seconds and inftime it is in time" {
	local word
	for word in 20 inftime; do
		no_server
		later 1
		run retry $word sh -c "echo x >$D/f; cat $D/f"
		echo "$word: $output"
		wait
		[ "$status" = 0 ]
		[ "$output" = x ]
		SERVER_PID=$(<"$SERVER_FOLDER/pid")
		stop_server
	done
}

@test "inftime waits as long as it takes, without using the processor" {
	local pid
	no_server
	retry inftime cat $D/f >"$T/out" 2>&1 3>&- &
	sleep 3
	pid=$(_tagged_processes | tail -n 1)
	is_alive "$pid"
	[ "$(awk '{ print $14 + $15 }' "/proc/$pid/stat")" -lt 30 ]
	# a signal ends it as ever
	kill "$pid"
	wait_until 20 _none_tagged
}

@test "a word that is none is told; the program runs" {
	start_server
	run retry soon sh -c "echo x >$D/f; echo goes on"
	echo "$output"
	[ "${lines[-1]}" = "goes on" ]
	[[ $output == *RUMPHIJACK_RETRYCONNECT*soon* ]]
}

@test "a path that is no socket, a folder that is missing, an address that nobody may use" {
	export RUMP_SERVER=unix://$T/file
	: >"$T/file"
	run client bash -c "read x <$D/f; echo goes on"
	echo "$output"
	[ "${lines[-1]}" = "goes on" ]
	[[ $output == *"$T/file"* ]]
	export RUMP_SERVER=unix://$T/none/socket
	run client bash -c "read x <$D/f; echo goes on"
	echo "$output"
	[ "${lines[-1]}" = "goes on" ]
	[[ $output == *"$T/none/socket"* ]]
	export RUMP_SERVER=unicorn://x
	run client bash -c "read x <$D/f; echo goes on"
	echo "$output"
	[ "${lines[-1]}" = "goes on" ]
	[[ $output == *unicorn* ]]
}

# ---- a server that goes ----

# after HOW WORD COMMAND...: a loop of calls in one program, the server gone by HOW
# meanwhile, back by COMMAND; $T/log has a line for each turn
after() {
	local how=$1 word=$2
	shift 2
	rm -f "$T/log"
	start_server
	RUMPHIJACK_RETRYCONNECT=$word client "$CLIENTS" loop $D/loop "$T/log" >"$T/out" 2>&1 3>&- &
	LOOP=$!
	wait_until 20 grep -q ok "$T/log"
	"$how"
	: >"$T/log"
	"$@"
}

end_loop() {
	local pid
	for pid in $(_tagged_processes); do
		kill "$pid" 2>/dev/null || :
	done
	wait "$LOOP" || :
	[ -z "${SERVER_PID:-}" ] || _is_gone "$SERVER_PID" || stop_server
}

@test "0: calls give ENOTCONN after the server was killed, and go on doing so" {
	after kill_server 0 sleep 0.5
	wait_until 10 grep -q 'errno 107' "$T/log"
	again
	: >"$T/log"
	several_lines() { [ "$(wc -l <"$T/log")" -ge 5 ]; }
	wait_until 20 several_lines
	cat "$T/log"
	[ "$(sort -u "$T/log")" = "errno 107" ]
	end_loop
}

@test "die: the program says so and ends with 1" {
	after kill_server die true
	local status=0
	wait "$LOOP" || status=$?
	cat "$T/out"
	[ "$status" = 1 ]
	[ "$(wc -l <"$T/out")" = 1 ]
	grep -q "$SERVER_FOLDER/socket" "$T/out"
}

@test "once: a server that is there again is used; one that is not is given up" {
	# the client is stopped meanwhile: it tries when the server is back
	stop_and_kill() {
		kill -STOP "$(_tagged_processes | tail -n 1)"
		kill_server
		again
		kill -CONT "$(_tagged_processes | tail -n 1)"
	}
	after stop_and_kill once sleep 0.5
	wait_until 10 grep -q ok "$T/log"
	end_loop
	after kill_server once true
	wait_until 10 grep -q 'errno 107' "$T/log"
	sleep 0.5
	cat "$T/log"
	# what was done before may be told after
	sed '1,/errno 107/d' "$T/log" | grep -q ok && false
	end_loop
}

@test "seconds: the server comes back in time, or not" {
	after kill_server 60 sleep 1
	again
	wait_until 10 grep -q ok "$T/log"
	grep 'errno 107' "$T/log" && false
	end_loop
	after kill_server 1 true
	wait_until 10 grep -q 'errno 107' "$T/log"
	end_loop
}

@test "inftime: killed and started again, three times" {
	after kill_server inftime sleep 1
	local n
	for n in 1 2 3; do
		again
		: >"$T/log"
		wait_until 10 grep -q ok "$T/log"
		[ $n = 3 ] || kill_server
	done
	grep wrong "$T/log" && false
	end_loop
}

@test "inftime: halted and started again, restarted by rump.halt -r" {
	after halt inftime again
	wait_until 10 grep -q ok "$T/log"
	halt -r
	: >"$T/log"
	wait_until 10 grep -q ok "$T/log"
	grep -E 'wrong' "$T/log" && false
	end_loop
}

@test "what is lost: descriptors give EBADF, the directory is the root's; new ones work" {
	local pid
	start_server
	client mkdir $D/lost
	RUMPHIJACK_RETRYCONNECT=inftime client "$CLIENTS" lost $D/lost "$T/ready" "$T/go" >"$T/out" 2>&1 3>&- &
	pid=$!
	wait_until 20 test -e "$T/ready"
	kill_server
	again
	: >"$T/go"
	wait "$pid" || { cat "$T/out"; false; }
	cat "$T/out"
	# 9: EBADF
	[ "$(grep -c '^descriptor errno 9$' "$T/out")" = 3 ]
	grep -q '^new file None$' "$T/out"
	grep -q '^close None$' "$T/out"
	grep -q '^directory /rump/tmp$' "$T/out"
	grep -q '^reuse 5$' "$T/out"
	none_left
	stop_server
}

@test "programs one after the other, and curl, go on over restarts" {
	local n bad=0
	start_server
	(
		for n in 1 2 3 4; do
			sleep 0.4
			wait_until 20 [ -e "$T/turn$n" ]
			halt -r || echo "halt: $?" >>"$T/halts"
		done
		: >"$T/halted"
	) 3>&- &
	n=0
	until [ -e "$T/halted" ]; do
		RUMPHIJACK_RETRYCONNECT=inftime client sh -c "echo $n >$D/f; cat /rump/proc/version" >"$T/one" 2>&1 ||
			{ bad=$((bad + 1)); cat "$T/one"; }
		RUMPHIJACK_RETRYCONNECT=inftime client curl -sS file:///rump/proc/version >"$T/one" 2>&1 ||
			{ bad=$((bad + 1)); cat "$T/one"; }
		n=$((n + 1))
		: >"$T/turn$n"
	done
	wait
	echo "$n turns, $bad bad"
	cat "$T/halts" 2>/dev/null && false
	[ "$n" -gt 3 ]
	# a descriptor that was open when the kernel went is lost with it; no more than one a restart
	[ "$bad" -le 4 ]
	SERVER_PID=$(<"$SERVER_FOLDER/pid")
	stop_server
}

@test "a server killed under load: every client hears of it, none hangs" {
	local n
	start_server
	for n in 1 2 3 4 5; do
		socket=inet client "$CLIENTS" work $D/work$n >"$T/out$n" 2>&1 3>&- &
	done
	wait_until 20 eval '[ "$(client ls $D | wc -l)" = 5 ]'
	kill_server
	# their main threads end by an error
	wait_until 20 _none_tagged || { none_left 1; false; }
	grep -l "not connected" "$T"/out*
}
