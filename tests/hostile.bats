#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A server whose clients are hostile (tests/prog/hostile.c): a good client beside them goes on,
# and when they are gone the server has what it had.
# timeout: 900
# alone

load lib

setup_file() {
	load lib
	require "$SERVER_PROGRAM" "$LIBRUMPHIJACK" "${CC:-gcc}"
	export HOSTILE=$BATS_FILE_TMPDIR/hostile
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -pthread -I"$RUMP_TOP/include" \
		-o "$HOSTILE" "$RUMP_TOP/tests/prog/hostile.c"
}

setup() {
	limit=250
	good=
	cd "$T" || return
	start_server -c 2
	# what is made at the first use of things is there
	client sh -c 'echo x >/rump/tmp/warm; cat /rump/tmp/warm' >/dev/null
	timeout 20 "$HOSTILE" "$SERVER_FOLDER/socket" connects 50
	beside
	wait_until 10 [ -s beside ]
	before=($(server_has))
}

teardown() {
	end_kernels
}

# A good client that counts its rounds, and says at once when one is not as it should be.  It
# does not fork, which a server without descriptors may refuse.
beside() {
	[ -p never ] || mkfifo never
	client bash -c 'i=0
exec 9<>never
while :; do
	i=$((i + 1))
	echo $i >/rump/tmp/good || exit
	read j </rump/tmp/good || exit
	[ $i = $j ] || exit
	echo $i
	read -t 0.05 -u 9 || :
done' >beside 2>&1 3>&- &
	good=$!
}

# KiB of the server's memory and of its kernel's that is in use, descriptors, threads.  The
# kernel's free memory is the host's no more once it was used, so VmRSS tells nothing.
server_has() {
	awk '/^RssAnon/ { print $2 }' "/proc/$SERVER_PID/status"
	client sh -c 'echo 3 >/rump/proc/sys/vm/drop_caches
		awk "/^MemTotal/ { t = \$2 } /^MemFree/ { f = \$2 } END { print t - f }" /rump/proc/meminfo'
	find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l
	awk '/^Threads/ { print $2 }' "/proc/$SERVER_PID/status"
}

is_flat() {
	local now
	now=($(server_has))
	echo "had ${before[*]}, has ${now[*]} (KiB, KiB of the kernel, descriptors, threads)" >figures
	[ "${#now[@]}" = 4 ] && [ "${now[0]}" -le $((before[0] + 4096)) ] &&
		[ "${now[1]}" -le $((before[1] + 4096)) ] &&
		[ "${now[2]}" -le $((before[2] + 2)) ] && [ "${now[3]}" -le $((before[3] + 2)) ]
}

rounds() {
	local last
	last=$(tail -n 1 beside)
	[ "$last" -gt "$1" ]
}

# hostile WAY [COUNT]: it is done with, and nothing of it is left
hostile() {
	local count
	timeout -k 5 200 "$HOSTILE" "$SERVER_FOLDER/socket" "$@" 3>&-
	count=$(tail -n 1 beside)
	wait_until 10 rounds "$count"
	is_alive "$good"
	wait_until 20 is_flat || { cat figures; return 1; }
	# the log does not grow with the messages
	[ "$(wc -l <"$SERVER_LOG")" -lt 2000 ]
	kill -9 $(_tagged_processes)
	stop_server
}

@test "garbage" { hostile garbage; }
@test "half a hello" { hostile truncated; }
@test "messages out of order, of wrong lengths, of unknown types" { hostile out-of-order; }
@test "descriptors that nobody asked for" { hostile descriptors; }
@test "a client that reads no answers" { hostile deaf; }
@test "turns and windows that lie" { hostile turns; }
@test "addresses of the server, of its kernel, of the host's" { hostile addresses; }
@test "memory that changes while it is read" { hostile scribble 20; }
@test "transfers that are never made" { hostile silent; }
@test "interrupts and ends for the channels of others" { hostile interrupts; }
@test "guessed handles of open files" { hostile imports; }
@test "pids of others" { hostile pids; }
@test "10,000 connections" { hostile connects 10000; }

# user and system time in hundredths of a second
is_idle() {
	local ticks
	ticks=$(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat")
	sleep 5
	ticks=$(($(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat") - ticks))
	echo "$ticks hundredths of a second in 5 seconds"
	[ "$ticks" -le 3 ]
}

@test "1,000 idle connections: they cost no CPU, others come in, and they leave nothing" {
	local ticks idle count
	timeout -k 5 200 "$HOSTILE" "$SERVER_FOLDER/socket" idle 1000 >idle 3>&- &
	idle=$!
	wait_until 60 [ -s idle ]
	client cat /rump/tmp/warm
	kill -9 $(_tagged_processes)
	# once the end of those is done with
	wait_until 10 is_idle
	kill "$idle"
	wait_until 20 is_flat || { cat figures; return 1; }
	client cat /rump/tmp/warm
	stop_server
}

@test "out of descriptors: who comes is refused or waits, who is there goes on" {
	local idle count
	stop_server
	kill -9 $(_tagged_processes) || :
	ulimit -n 200
	start_server
	beside
	wait_until 10 rounds 3
	timeout -k 5 200 "$HOSTILE" "$SERVER_FOLDER/socket" connects 10 3>&-
	timeout -k 5 10 "$HOSTILE" "$SERVER_FOLDER/socket" idle 400 >idle 2>&1 3>&- &
	idle=$!
	sleep 3
	count=$(tail -n 1 beside)
	wait_until 10 rounds "$count"
	is_alive "$good"
	kill "$idle" || :
	wait "$idle" || :
	wait_until 10 client cat /rump/tmp/good
	kill -9 $(_tagged_processes)
	stop_server
}
