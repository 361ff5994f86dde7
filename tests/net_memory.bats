#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Kernels with little memory: TCP does with what there is, and when there is none left the end
# of a program has a reason.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3 dd
}

setup() {
	socket=all:nolocal
}

teardown() {
	end_kernels
}

_full() {
	client python3 "$RUMP_TOP/tests/net_full.py" 1000 >"$T/said" 2>&1 || {
		cat "$T/said"
		return 1
	}
	diff "$T/said" - <<-END
		full
		whole
	END
}

@test "1,000 full connections in 32 MiB" {
	export RUMP_MEMLIMIT=32m
	! rump_with path=/rump test -e /rump/proc/lockdep_stats ||
		skip "a debug kernel, whose objects are larger"
	on_each_kernel _full
}

@test "1,000 full connections in 64 MiB" {
	export RUMP_MEMLIMIT=64m
	on_each_kernel _full
}

# what all CPUs may keep of freed memory counts as used: a small part, however many they are
@test "CPUs keep little of the memory for sockets" {
	local memory
	for memory in 32m 128m; do
		RUMP_NCPU=4 RUMP_MEMLIMIT=$memory run rump bash -c 'cd /rump/proc/sys/net &&
			read -r low _ <ipv4/tcp_mem && read -r kept <core/mem_pcpu_rsv &&
			cpus=$(grep -c ^processor /rump/proc/cpuinfo) && echo "$cpus CPUs, $kept pages each, pressure from $low" &&
			[ "$cpus" = 4 ] && [ $kept -gt 0 ] && [ $((kept * cpus * 8)) -le $low ]'
		echo "$output"
		[ "$status" = 0 ]
	done
}

# ---- no memory ----

WHY="rump kernel: out of memory (32 MiB), a program is killed: RUMP_MEMLIMIT raises it"

@test "no memory left: the program is killed, and says why" {
	export RUMP_MEMLIMIT=32m RUMP_TEST_KERNEL=local
	local status=0
	rump_with 'path=/rump,mount=tmpfs none /big size=1g' \
		dd if=/dev/zero of=/rump/big/file bs=64k count=1000 2>"$T/errors" || status=$?
	cat "$T/errors"
	[ $status = 137 ]
	grep -qxF "$WHY" "$T/errors"
	! grep -q panic "$T/errors" || false
}

# the memory is the client's alone, and comes back with its end
HOLD='
import os
file = open("/rump/big/file", "wb", buffering=0)
os.unlink("/rump/big/file")
for _ in range(1000):
    file.write(bytes(65536))
'

@test "no memory left in a server: the client is killed, and the log says why" {
	export RUMP_MEMLIMIT=32m
	local status=0
	echo 'mount tmpfs none /big size=1g' >"$T/server.conf"
	start_server -f "$T/server.conf"
	client python3 -c "$HOLD" || status=$?
	[ $status = 137 ]
	wait_until 20 grep -qxF "$WHY" "$SERVER_LOG"
	# how much is left for an orderly end is nobody's promise
	kill -9 "$SERVER_PID"
	wait_until 20 _is_gone "$SERVER_PID"
}

@test "no memory left in a private server: the user who knows of no server is told once" {
	export RUMP_MEMLIMIT=32m RUMP_TEST_KERNEL=spawn
	local status=0
	rump_with 'path=/rump,mount=tmpfs none /big size=1g' \
		bash -c 'python3 -c "$1"; exit $?' bash "$HOLD" 2>"$T/errors" || status=$?
	cat "$T/errors"
	[ $status = 137 ]
	[ "$(grep -cxF "$WHY" "$T/errors")" = 1 ]
	! grep -F "rump kernel" "$T/errors" | grep -vxF "$WHY" || false
}
