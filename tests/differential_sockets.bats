#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What socket calls give, printed by programs that know nothing of rump (tests/prog/net_calls.c,
# net_waits.c), has to be the same in a network namespace of the host and on each kind of rump
# kernel, IPv4 and IPv6.  What differs between versions of Linux is named here, with its reason.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" "${CC:-gcc}" unshare ip
	local name
	for name in net_calls net_waits; do
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-result -O1 -g -pthread \
			-o "$BATS_FILE_TMPDIR/$name" "$RUMP_TOP/tests/prog/$name.c"
	done
}

setup() {
	socket=all
	limit=150
}

teardown() {
	end_kernels
}

# a network of the host that nobody else uses
on_host() {
	local user=()
	is_root || user=(-r)
	timeout -k 5 "$limit" unshare "${user[@]}" -n sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

_report() {
	local address=$3
	client "$BATS_FILE_TMPDIR/$1" "$2" /rump/tmp "$address" </dev/null 2>&1 3>&- |
		sed "${filter:-}" >"$T/got" || :
	diff "$T/want$address" "$T/got" >"$T/diff" || {
		echo "host, then kernel=$kernel, $address:"
		head -n 40 "$T/diff"
		return 1
	}
}

# reports PROGRAM CASE [ADDRESS...]
reports() {
	local address addresses=("${@:3}")
	[ ${#addresses[@]} -gt 0 ] || addresses=(127.0.0.1 ::1)
	for address in "${addresses[@]}"; do
		on_host "$BATS_FILE_TMPDIR/$1" "$2" "$T" "$address" </dev/null 2>&1 3>&- |
			sed "${filter:-}" >"$T/want$address"
		[ -s "$T/want$address" ]
		on_each_kernel _report "$1" "$2" "$address"
	done
}

@test "making, binding, listening, connecting: results and errors" { reports net_calls create; }
@test "streams in each state: data, urgent data, ends, resets, masks" { reports net_calls stream; }
@test "accept: flags, addresses, what is inherited, what has gone" { reports net_calls accept; }
@test "bad pointers, lengths, vectors; several messages at once" { reports net_calls vectors; }
@test "full queues, corks, low-water marks" { reports net_calls queues; }
@test "datagrams: sizes, truncation, segments, nobody there" { reports net_calls datagrams; }
@test "ancillary data, the error queue, time stamps" { reports net_calls ancillary; }
@test "raw sockets" { reports net_calls raw; }
@test "local sockets: kinds, names, descriptors, credentials" { reports net_calls unix 127.0.0.1; }
@test "multicast and broadcast" { reports net_calls multicast 127.0.0.1; }
@test "ports used again and by several" { reports net_calls reuse; }

@test "signals during each blocking call, with and without SA_RESTART" { reports net_waits signals 127.0.0.1; }
@test "SO_RCVTIMEO and SO_SNDTIMEO; a signal within that time" { reports net_waits limits ::1; }
@test "shutdown by another thread of what a thread waits for" { reports net_waits shutdowns 127.0.0.1; }
@test "close by another thread of what a thread waits for" { reports net_waits closes ::1; }
@test "the peer closes and resets during each blocking call" { reports net_waits peers ::1; }
@test "sockets of parent and child" { reports net_waits forks 127.0.0.1; }
@test "1,200 connections: poll, select beyond 1,024, epoll" { reports net_waits many ::1; }
@test "ioctls of sockets and of lo" { reports net_waits ioctls; }
@test "each option of each level: lengths, values, errors" { reports net_waits options ::1; }
