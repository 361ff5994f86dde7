#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Threads and signals around calls that are in the rump kernel, on each kind of kernel.
# alone

load lib

setup_file() {
	load lib
	require "$LIBRUMPHIJACK" "${CC:-gcc}"
	local name
	for name in interrupted threaded; do
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-result -O1 -g \
			-o "$BATS_FILE_TMPDIR/$name" "$RUMP_TOP/tests/prog/$name.c" -lpthread -lrt
	done
}

teardown() { end_kernels; }

_case() {
	socket=unix client "$BATS_FILE_TMPDIR/$1" "$2" /rump/tmp
}

# the program itself is right: it holds on the host too
both() {
	mkdir -p "$T/host"
	timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/$1" "$2" "$T/host"
	on_each_kernel _case "$1" "$2"
}

@test "5,000 threads at once open, write and read" {
	export RUMP_MEMLIMIT=512m
	both threaded many_threads
}

# half of 64 MiB are the stacks of 1,024
_too_many() {
	run _case threaded many_threads
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"threads failed: Resource temporarily unavailable"* ]]
}

@test "more threads than the kernel has memory for: EAGAIN, and the others go on" {
	export RUMP_MEMLIMIT=64m
	needs_local "who has the memory is the server"
	with_kernel local _too_many
}

@test "threads end, joined and detached, while another one is in a call" { both threaded thread_ends; }
@test "cancellation, deferred and asynchronous" { both threaded cancellation; }
@test "a signal ends a call, with SA_RESTART it goes on" { both interrupted interruption; }
@test "handlers make calls while their thread is in one" { both interrupted handlers; }
@test "siglongjmp() out of handlers that interrupted calls" { both interrupted longjmp_out; }
@test "setitimer, timer_create and alarm beside calls" { both interrupted timers; }
@test "SIGPIPE: its death, its handler, ignored, pending" { both interrupted broken_pipes; }
@test "SIGIO, F_SETOWN, F_SETSIG, sigtimedwait, signalfd" { both interrupted asynchronous; }
@test "stop and go on in a call" { both interrupted stopping; }
@test "pthread_kill() ends the call of one thread" { both interrupted one_thread; }
@test "exit, _exit, abort and death while threads are in calls" { both interrupted ends; }
@test "the end of the program while threads are in calls: none comes back" { both interrupted last_exit; }
@test "fork beside threads at work" { both threaded fork_under_load; }
