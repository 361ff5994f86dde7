#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Descriptors of the rump kernel are descriptors of the process: numbers, copies, limits, locks,
# messages are what they are on the host; a call that nobody sees fails.

load lib
load report

setup_file() {
	load lib
	load report
	build_report descriptors
	${CC:-gcc} -static -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -o "$PROGRAMS/slipped" \
		"$RUMP_TOP/tests/prog/slipped.c"
}

teardown_file() {
	end_report
}

teardown() {
	end_kernels
}

@test "dup, dup2, dup3, F_DUPFD, flags" { reports descriptors copies; }
@test "close, close_range, closefrom, a program that closes all numbers or takes them" {
	reports descriptors closing
}
@test "RLIMIT_NOFILE" { reports descriptors limits; }
@test "numbers beyond FD_SETSIZE" { reports descriptors many; }
@test "fork, vfork, posix_spawn with file actions, exec" { reports descriptors processes; }
@test "POSIX, OFD and flock locks between processes, leases, owners" { reports descriptors locks; }
@test "SCM_RIGHTS: both kinds in one message, cut messages" { reports descriptors messages; }

@test "a program that is not hijacked: each call on a placeholder fails" {
	# the shell stays: it waits for the image to be whole
	each "$BASH" -ec 'exec 5<>/rump/file; "$1" 5; :' bash "$PROGRAMS/slipped"
	grep -x 'all of them failed' "$T/out"
	# it can tell
	run "$PROGRAMS/slipped" 5 5<>"$T/file"
	[ "$status" = 1 ]
	[[ $output == *"slipped: read(fd, text, 1)"* ]]
}
