#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Networks that have trouble: nothing left of something, floods, peers, servers and interfaces that
# go away.  Each call ends with an error that says so, nothing hangs, and what was used comes back.
# Cases are in net_trouble.py; those without a kernel's end hold on the host, too.

load lib

TROUBLE=$RUMP_TOP/tests/net_trouble.py

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3 ip
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	socket=all:nolocal
	limit=150
	PIDS=()
	cd "$T"
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -CONT "$pid" 2>/dev/null || :
	done
	end_kernels
}

trouble() {
	client "$PYTHON" "$TROUBLE" "$@"
}

# says LINES COMMAND...: exactly that
says() {
	local want=$1
	shift
	"$@" >"$T/said" 2>"$T/errors" || { cat "$T/said" "$T/errors"; return 1; }
	diff <(printf '%s\n' "$want") "$T/said"
}

_case() {
	says "$2" trouble "$1" "${3:-127.0.0.1}"
}

# case NAME LINES [ADDRESS]: on each kernel
case_on_each() {
	on_each_kernel _case "$@"
}

@test "no descriptor left: EMFILE, and the connection waits in the queue" {
	case_on_each descriptors EMFILE$'\n'EMFILE$'\n'EMFILE$'\n'served
}

@test "no port left: EADDRNOTAVAIL; ports in TIME_WAIT are used again" {
	case_on_each ports EADDRNOTAVAIL$'\n'"a port in TIME_WAIT is used again"
}

@test "a message of 64 MiB" { case_on_each large "sent 67108864" ::1; }
@test "more connections than a listener takes" { case_on_each backlog "all were served"; }
@test "a receiver that stops: EAGAIN, poll, no byte lost" { case_on_each nonblocking "none is lost" ::1; }
@test "a flood of SYNs: cookies" { case_on_each flood cookies; }
@test "fragments, and such as never are complete" { case_on_each fragments bounded; }

@test "the other side is gone without a word: keepalive, TCP_USER_TIMEOUT" {
	case_on_each half_open "[('keepalive', 'ETIMEDOUT'), ('user timeout', 'ETIMEDOUT')]"
}

@test "lo goes and comes under traffic" { case_on_each down_and_up "all arrived"; }
@test "20 programs with 100 connections are killed" { case_on_each outlive "100 ends"; }

# ---- the server's end ----

kill_server() {
	kill -9 "$SERVER_PID"
	wait_until 10 _is_gone "$SERVER_PID"
}

# COUNT programs with five blocked calls each
blocked_clients() {
	local n
	for n in $(seq "$1"); do
		trouble blocked >"$T/blocked$n" 2>&1 </dev/null 3>&- &
		PIDS+=($!)
	done
	for n in $(seq "$1"); do
		wait_until 60 grep -q blocked "$T/blocked$n"
	done
}

@test "a server is killed under 20 programs with five blocked calls each: all come back" {
	local n start
	start_server
	blocked_clients 20
	start=${EPOCHREALTIME%.*}
	kill_server
	for n in $(seq 20); do
		wait "${PIDS[n - 1]}" || { cat "$T/blocked$n"; return 1; }
	done
	[ $((${EPOCHREALTIME%.*} - start)) -lt 60 ]
	for n in $(seq 20); do
		diff "$T/blocked$n" - <<-END
			blocked
			accept=ENOTCONN epoll=ENOTCONN poll=ENOTCONN recv=ENOTCONN send=ENOTCONN
			now ENOTCONN
		END
	done
}

@test "... with RUMPHIJACK_RETRYCONNECT: blocked calls fail, new sockets are those of a new server" {
	local n
	start_server
	export RUMPHIJACK_RETRYCONNECT=inftime
	blocked_clients 5
	kill_server
	_serve "$RUMP_SERVER"
	for n in $(seq 5); do
		wait "${PIDS[n - 1]}" || { cat "$T/blocked$n"; return 1; }
		[ "$(tail -n 1 "$T/blocked$n")" = again ]
		! grep -q =success "$T/blocked$n" || false
	done
	stop_server
}

@test "a stopped client, a stopped server: traffic waits and goes on" {
	local serving asking
	start_server
	trouble serve 127.0.0.1 8000 >"$T/serve" 2>&1 </dev/null 3>&- &
	wait_until 30 grep -q ready "$T/serve"
	mkfifo "$T/end"
	trouble transfer 127.0.0.1 8000 <"$T/end" >"$T/transfer" 2>&1 3>&- &
	exec 7>"$T/end"
	wait_until 30 grep -q busy "$T/transfer"
	serving=$(_tagged_processes | xargs -I{} grep -lz 'trouble.py' /proc/{}/cmdline | cut -d/ -f3 |
		xargs -I{} grep -lzx serve /proc/{}/cmdline | cut -d/ -f3 | tail -n 1)
	asking=$(_tagged_processes | xargs -I{} grep -lzx transfer /proc/{}/cmdline | cut -d/ -f3 | tail -n 1)
	for pid in "$asking" "$serving" "$SERVER_PID"; do
		kill -STOP "$pid"
		PIDS+=("$pid")
		sleep 0.5
		kill -CONT "$pid"
		# others are served
		says "sent 67108864" trouble large
	done
	echo >&7
	exec 7>&-
	wait_until 30 grep -q right "$T/transfer"
	kill "$serving"
	none_left
	stop_server
}

# ---- small kernels ----

_small() {
	RUMP_MEMLIMIT=128m says "then all is well" trouble memory 127.0.0.1
}

@test "1,000 connections with full queues in a kernel of 128 MiB" {
	with_kernel local _small
}
