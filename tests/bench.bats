#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# bench/run runs and prints what it promises.  What the figures are is no test.
# timeout: 1200
# alone

load lib

setup() {
	require "$RUMP_BUILD/bench/bench-rump" "$RUMP_BUILD/bench/bench-client" \
		"$RUMP_BUILD/bench/bench-host" "$LIBRUMPHIJACK"
	limit=280
}

bench() {
	timeout -k 5 "$limit" "$RUMP_TOP/bench/run" "$@"
}

# a line of --tsv: WHAT UNIT RUMP HOST ..., both measured
measured() {
	awk -F'\t' -v what="$1" -v unit="$2" '
		index($1, what) == 1 && $2 == unit && $3 + 0 > 0 && $4 + 0 > 0 && NF == 7 { found = 1 }
		END { exit !found }' <<<"$output"
}

@test "null: a table with both kernels in it" {
	run bench --quick --tsv null
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"host kernel $(uname -r)"* ]]
	grep -qP '^what\tunit\trump\thost\tratio\tgoal\truns$' <<<"$output"
	measured "null system call" ns
}

@test "boot, and programs under the preload" {
	run bench --quick --tsv boot preload
	echo "$output"
	[ "$status" -eq 0 ]
	grep -qP '^boot: [^\t]*\tms\t[0-9.]+\t-\t-\t<= 6\t2$' <<<"$output"
	measured "LD_PRELOAD ls /rump" ms
	measured "a program that never touches rump" ms
	measured "a host call under the preload: read()" ns
	measured "... write() by an instruction in libc" ns
	measured "ext4 through the preload, pieces of 4 KiB: read, cached" ns
	measured "ext4 through the preload, 20,000 files: stat" us
}

@test "make, git, sqlite3, postgres with their files in /rump" {
	require "$SERVER_PROGRAM" make cc git sqlite3 pgbench
	run bench --quick --tsv programs
	echo "$output"
	[ "$status" -eq 0 ]
	for kernel in local spawn server; do
		measured "make, 7 files of C: $kernel" ms
		measured "git clone, local, 2000 files: $kernel" ms
		measured "sqlite3, 10000 inserts, an index: $kernel" ms
	done
	for kernel in local spawn; do
		measured "pgbench -S, its data in /rump: $kernel" tx/s
	done
	# no process, no mount is left
	[ -z "$(grep -ls '[r]ump-bench\.' /proc/[0-9]*/cmdline)" ]
	! grep rump-bench /proc/self/mounts || false
}

@test "tcp, wake-ups" {
	run bench --quick --tsv tcp wakeup
	echo "$output"
	[ "$status" -eq 0 ]
	measured "TCP over loopback, 256 KiB writes, RUMP_NCPU=2" GB/s
	measured "two host threads, a pipe" us
	! ls "$RUMP_MODULES"/rump_bench.ko || measured "wake-up of a kernel thread" ns
}

@test "ext4: without a loop device the rump kernel's column is there" {
	run bench --quick --tsv ext4
	echo "$output"
	[ "$status" -eq 0 ]
	grep -qP '^ext4 256 MiB, pieces of 1 MiB: write\tGB/s\t[0-9.]+\t' <<<"$output"
	grep -qP '^ext4 20,000 files: create\top/ms\t[0-9.]+\t' <<<"$output"
	# either the host's as well, or the reason
	grep -q 'skipped: ' <<<"$output" || measured "ext4 20,000 files: create" op/ms
	# nothing is left mounted
	! grep rump-bench /proc/self/mounts || false
}

@test "calls, connections and clients of a server" {
	require "$SERVER_PROGRAM" taskset
	run bench --quick --tsv remote
	echo "$output"
	[ "$status" -eq 0 ]
	measured "remote null call, c" us
	grep -q $'^remote null call, s\t.*only one CPU' <<<"$output" || measured "remote null call, s" us
	measured "remote tmpfs 256 MiB, pieces of 64 KiB: read" GB/s
	measured "remote tmpfs 256 MiB, pieces of 64 KiB: write" GB/s
	measured "bash, 1000 forks of true, a rump file open: server" ms
	grep -qP '^connect, to the end of the first call\tus\t[0-9.]+\t' <<<"$output"
	grep -qP '^50 idle clients: memory of the server, each\tKiB\t[0-9.]+\t' <<<"$output"
	# no server is left
	[ -z "$(grep -ls '[r]ump-bench\.' /proc/[0-9]*/cmdline)" ]
}

@test "links and programs of a network" {
	require "$SERVER_PROGRAM" ip nginx wrk redis-server redis-benchmark iperf3
	run bench --quick --tsv net
	echo "$output"
	[ "$status" -eq 0 ]
	measured "nginx, 1 KiB; wrk, 100 connections" 1/s
	measured "... CPU a request, all processes" us
	measured "... a connection for each request" 1/s
	measured "... with 100 idle ones beside: to none" x
	measured "redis-benchmark -P 16, SET" 1/s
	measured "redis-benchmark -P 16, GET" 1/s
	measured "iperf3, TCP" GB/s
	measured "iperf3, UDP of 64 bytes that arrive" 1/s
	# namespaces want root
	[ "$(id -u)" -ne 0 ] || measured "shmif: TCP stream, sent; host: veth" GB/s
	[ "$(id -u)" -ne 0 ] || measured "shmif: 1 byte there and back; host: veth" us
	[ "$(id -u)" -ne 0 ] || [ ! -e /dev/net/tun ] ||
		measured "tap: TCP stream, received; host: veth" GB/s
	# no namespace, no process is left
	! ip netns list | grep rump-bench || false
	[ -z "$(grep -ls '[r]ump-bench\.' /proc/[0-9]*/cmdline)" ]
}

@test "the same in columns" {
	run bench --quick null
	echo "$output"
	[ "$status" -eq 0 ]
	grep -Eq '^what +unit +rump +host +ratio +goal +runs$' <<<"$output"
	grep -Eq '^null system call .* ns +[0-9.]+ +[0-9.]+ +[0-9.]+ +<= 0.50 +2$' <<<"$output"
}

@test "an unknown row, a build folder without programs" {
	run bench --quick nul
	[ "$status" -eq 2 ]
	[[ $output == *"no rows nul; there are: null boot"* ]]
	RUMP_BUILD=$T run bench null
	[ "$status" -eq 2 ]
	[[ $output == *"$T/bench/bench-rump is missing"* ]]
}
