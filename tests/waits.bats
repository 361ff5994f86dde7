#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# poll, select and epoll with descriptors of both sides, on each kind of kernel.

load lib

setup_file() {
	local name
	load lib
	require "$LIBRUMPHIJACK" "${CC:-gcc}"
	for name in waits waits_threads; do
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$BATS_FILE_TMPDIR/$name" \
			"$RUMP_TOP/tests/prog/$name.c" -lpthread
	done
}

teardown() { end_kernels; }

_case() {
	socket=unix client "$BATS_FILE_TMPDIR/$1" "$2"
}

# the program itself is right: it holds on the host too
both() {
	timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/$1" "$2"
	on_each_kernel _case "$1" "$2"
}

@test "edge-triggered: each edge once" { both waits edges; }
@test "EPOLLONESHOT" { both waits oneshots; }
@test "MOD, DEL, EPOLLRDHUP, data, errors" { both waits changes; }
@test "changes that no wait has followed yet" { both waits unseen; }
@test "neither side starves where there is room for few events" { both waits few; }
@test "timeouts, epoll_pwait2" { both waits times; }
@test "sets in sets, in poll and in select" { both waits nested; }
@test "copies of epoll descriptors; thousands of sets" { both waits copies; }
@test "eventfd, timerfd, signalfd, inotify and pidfd beside rump descriptors" { both waits kinds; }
@test "long lists, negative and closed descriptors, beyond FD_SETSIZE" { both waits lists; }
@test "few descriptors allowed" { both waits low_limit; }

@test "no wake-up is lost: a token goes round" { both waits_threads tokens; }
@test "many threads wait for one set" { both waits_threads crowd; }
@test "others change the set that a thread waits for" { both waits_threads others; }
@test "a set gets its first rump descriptor while a thread polls it" { both waits_threads polled; }
@test "signals and masks: EINTR as on Linux" { both waits_threads interrupts; }
@test "a signal ends a masked wait at whatever moment" { both waits_threads moments; }
@test "handlers that jump out of waits" { both waits_threads jumps; }
@test "threads cancelled in waits" { both waits_threads cancels; }
@test "a set of parent and child" { both waits_threads shared; }
@test "a set survives an exec" { both waits_threads execs; }

@test "two and three vCPUs" {
	local ncpu
	for ncpu in 2 3; do
		export RUMP_NCPU=$ncpu
		with_kernel local _case waits_threads tokens
		with_kernel local _case waits_threads crowd
		with_kernel spawn _case waits_threads tokens
	done
}

@test "by symbols alone" {
	local name
	for name in edges nested copies lists; do
		with_kernel local _without_trap waits $name
	done
	with_kernel local _without_trap waits_threads tokens
	with_kernel local _without_trap waits_threads shared
}

_without_trap() {
	rump_with path=/rump,socket=unix,trap=off "$BATS_FILE_TMPDIR/$1" "$2"
}

@test "over tcp://" {
	local name
	start_tcp_server
	for name in edges oneshots changes unseen few times lists; do
		_case waits $name
	done
	for name in tokens others shared; do
		_case waits_threads $name
	done
	stop_server
}
