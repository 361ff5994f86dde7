#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A minute of tests/soak: TCP, http, UDP and short clients, on a kernel in a process, on that of a
# server, over a bus between two; memory, descriptors, threads, sockets stay what they were.
# Run it by hand for longer: tests/soak -s 1800.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3 perl
}

teardown() {
	end_kernels
}

soak() {
	tagged timeout -k 5 150 python3 "$RUMP_TOP/tests/soak" -s 20 -r 2 "$1" 3>&-
	none_left
}

@test "a kernel in the process, for 20 seconds" { soak local; }
@test "a server's kernel, for 20 seconds" { soak server; }
@test "two kernels on a bus, for 20 seconds" { soak bus; }
