# SPDX-License-Identifier: BSD-2-Clause
# The hypercalls below a real kernel, and for the other libc.  (Each hypercall by
# itself: tests/unit/rumpuser_*.c.)
# shellcheck shell=bash disable=SC2154

load lib

# musl_prog NAME [ARGUMENT...]: a program of tests/prog as a musl program
musl_prog() {
	local name=$1
	shift
	require musl-gcc "$RUMP_BUILD/rumpuser/musl/librumpuser.so.0" "$LIBRUMP" || return
	musl-gcc -std=gnu11 -D_GNU_SOURCE -O1 -I"$RUMP_TOP/include" -I"$RUMP_BUILD/include" \
		-o "$T/$name" "$RUMP_TOP/tests/prog/$name.c" \
		"$RUMP_BUILD/rumpuser/musl/librumpuser.so.0" "$LIBRUMP" || return
	timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_BUILD/rumpuser/musl:$RUMP_BUILD/rumpkernel" \
		"$T/$name" "$@"
}

# all checks of a TAP program held
all_ok() {
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	[ "$(grep -c '^not ok' <<<"$output")" -eq 0 ]
	grep -q '^1\.\.[1-9]' <<<"$output"
}

@test "librumpuser.so exports rumpuser_* only, and what rump.h has of it" {
	local library=$RUMP_BUILD/rumpuser/librumpuser.so
	require nm "$library"
	[ "$(nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^rumpuser_')" = rump_init_server ]
	nm -D --defined-only "$library" | grep -qw rumpuser_init
}

@test "a kernel in a musl program: threads" {
	run musl_prog threads
	all_ok
}

@test "a kernel in a musl program: timers" {
	run musl_prog timers
	all_ok
}

@test "without FSGSBASE" {
	RUMP_FSGSBASE=no RUMP_NCPU=2 run prog threads
	all_ok
}

@test "memory that cannot be had is told" {
	require "$RUMP_BUILD/tests/prog/threads"
	run bash -c "ulimit -v 2000000; RUMP_MEMLIMIT=8g LD_LIBRARY_PATH='$RUMP_LIBRARIES' \
		timeout -k 5 $limit '$RUMP_BUILD/tests/prog/threads' 1"
	[ "$status" -ne 0 ]
	[[ $output == *"Cannot allocate memory"*"ulimit -v"* ]]
}

@test "a bad RUMP_CONF is told with file, line and word" {
	printf 'hostname box\nmuont auto /dev/x /mnt\n' >"$T/rump.conf"
	RUMP_CONF=$T/rump.conf run prog threads 1
	[ "$status" -ne 0 ]
	[[ $output == *"rump.conf:2"*muont*mount* ]]
}

@test "the kernel's messages go to RUMP_CONSOLE, and stderr stays clean" {
	RUMP_CONSOLE=$T/console run prog timers
	all_ok
	grep -q 'Linux version 6\.12\.' "$T/console"
	[ "$(grep -c 'Linux version' <<<"$output")" -eq 0 ]
}

@test "valgrind runs a kernel" {
	local valgrind=(valgrind -q --vex-iropt-register-updates=allregs-at-mem-access)
	require valgrind "$RUMP_BUILD/tests/prog/threads"
	run timeout -k 5 200 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "${valgrind[@]}" \
		"$RUMP_BUILD/tests/prog/threads" 20
	[ "$status" -lt 2 ]
	# memory for so few threads says nothing
	[ "$(grep '^not ok' <<<"$output" | grep -cv 'memory is free')" -eq 0 ]
	grep -q '^1\.\.9' <<<"$output"
}
