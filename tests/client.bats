#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs linked with librumpclient: their data on its way, by each of the ways it can
# take; the library for musl.

load lib
load open_libraries

setup_file() {
	export PROGRAMS=$BATS_FILE_TMPDIR
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O2 -g -pthread -I"$RUMP_TOP/include" \
		-I"$RUMP_BUILD/include" -o "$PROGRAMS/client_io" "$RUMP_TOP/tests/prog/client_io.c" \
		"$RUMP_TOP/tests/prog/over_server.c" -L"$RUMP_LIBRARIES" -lrumpclient
}

teardown() { end_kernels; }

client_io() {
	timeout -k 5 "$limit" "$@" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$PROGRAMS/client_io" >"$T/tap" || {
		grep -v '^ok' "$T/tap"
		return 1
	}
	grep -q '^1\.\.' "$T/tap"
}

@test "a server that reads and writes the client's memory itself" {
	start_server
	client_io
	stop_server
}

@test "on two virtual CPUs" {
	start_server -c 2
	client_io
	stop_server
}

@test "client and server on one CPU of the host" {
	start_server
	client_io taskset -c 0
	stop_server
}

@test "a server of another user, which may not: all data in the channel" {
	is_root || skip_or_fail "root"
	open_libraries "$T/lib"
	RUMP_LIBRARIES=$T/lib SERVER_PROGRAM=$T/lib/rump_server RUMP_MODULES=$T/lib/rump/modules
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T"
	prepare() { chown 12345:12345 "$1"; }
	prepare_folder=prepare SERVER_AS=(setpriv --reuid=12345 --regid=12345 --clear-groups)
	start_server
	client_io
	stop_server
}

@test "over tcp" {
	start_tcp_server
	client_io
	stop_server
}

@test "a program of musl" {
	require musl-gcc "$RUMP_BUILD/rumpclient/musl/librumpclient.so.0"
	cat >"$T/small.c" <<-'C'
		#include <stdio.h>
		#include <sys/syscall.h>
		#include <rump/rumpclient.h>
		int main(void)
		{
			char text[8] = "";
			int fds[2];
			if (rumpclient_init())
				return puts(rumpclient_error()), 1;
			if (rumpclient_syscall(SYS_pipe, (long)fds, 0, 0, 0, 0, 0) ||
			    rumpclient_syscall(SYS_write, fds[1], (long)"hello", 5, 0, 0, 0) != 5 ||
			    rumpclient_syscall(SYS_read, fds[0], (long)text, 8, 0, 0, 0) != 5)
				return 2;
			pid_t pid = rumpclient_fork();
			if (!pid)
				return rumpclient_syscall(SYS_write, fds[1], (long)"c", 1, 0, 0, 0) != 1;
			if (rumpclient_syscall(SYS_read, fds[0], (long)text + 5, 1, 0, 0, 0) != 1)
				return 3;
			puts(text);
			return 0;
		}
	C
	musl-gcc -I"$RUMP_TOP/include" -o "$T/small" "$T/small.c" \
		"$RUMP_BUILD/rumpclient/musl/librumpclient.so.0" \
		-Wl,-rpath,"$RUMP_BUILD/rumpclient/musl"
	start_server
	run timeout -k 5 20 "$T/small"
	echo "$output"
	[ "$output" = helloc ]
	stop_server
}
