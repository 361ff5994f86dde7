#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The tests of kernels in the own process once more, on kernels of servers: the .bats files
# that go by lib.bash's rump and rump_with (RUMP_TEST_KERNEL), and the programs of tests/prog
# linked with librumpclient (tests/prog/over_server.c).
#
# Not here, as they are about the kernel in the process itself: bad_input (what the preload
# says of a boot), crash, panic, gdb, disk and etfs (the host side of drives, by rump_pub_*),
# build, image, install, modules (components of the own kernel); prog-busy, -idle, -lwproc,
# -signals, -etfs (rump_pub_lwproc_*, rump_pub_etfs_*, threads of the own process).  Single
# tests that are local say why: `needs_local' in their files, printed below.
# timeout: 900

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$RUMP_LIBRARIES/librumpclient.so" "$SERVER_PROGRAM" \
		"${CC:-gcc}"
	export PROGRAMS=$BATS_FILE_TMPDIR
}

setup() {
	limit=200
	socket=
	cd "$T"
}

teardown() {
	end_kernels
}

# suite KIND FILE [FILTER]: all pass; what is skipped is local, and says why
suite() {
	local kind=$1 file=$2 filter=${3:-.} name clean=()
	for name in $(compgen -e BATS) $(compgen -e RUMP_TEST); do
		clean+=(-u "$name")
	done
	env "${clean[@]}" RUMP_TEST_KERNEL="$kind" timeout -k 5 800 bats --tap -f "$filter" \
		"$RUMP_TOP/tests/$file" >"$T/tap" 2>&1 3>&- || :
	# told, but no test of this file that was skipped
	sed -n "s/^ok [0-9]* \(.*\) # skip \(.*\)/# left out over $kind: \1: \2/p" "$T/tap" >&3
	grep -A 40 '^not ok' "$T/tap" | cut -c1-300 || :
	# as many as were planned, and more than none
	[ "$(grep -c '^ok' "$T/tap")" = "$(sed -n 's/^1\.\.//p' "$T/tap")" ] || tail -n 20 "$T/tap" | cut -c1-300
	[ "$(grep -c '^ok' "$T/tap")" = "$(sed -n 's/^1\.\.//p' "$T/tap")" ]
	grep '# skip' "$T/tap" | grep -v '# skip only local: ' && false
	grep '^ok' "$T/tap" | grep -qv '# skip'
}

# over_server NAME [FLAG...]: makes $PROGRAMS/NAME
over_server() {
	local name=$1
	shift
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -DOVER_SERVER -Wall -Wextra -O2 -g -pthread \
		-I"$RUMP_TOP/include" -I"$RUMP_BUILD/include" -I"$RUMP_BUILD/tests/unit" -o "$PROGRAMS/$name" \
		"$RUMP_TOP/tests/prog/$name.c" "$RUMP_TOP/tests/prog/over_server.c" "$@" \
		-L"$RUMP_LIBRARIES" -lrumpclient
}

# program NAME [ARGUMENT...]: its TAP must be that of a success
program() {
	local name=$1
	shift
	over_server "$name"
	timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$PROGRAMS/$name" "$@" \
		>"$T/tap" 2>&1 3>&- || { grep -v '^ok' "$T/tap" | tail -n 60; return 1; }
	grep -q '^ok' "$T/tap"
	grep '^not ok' "$T/tap" && false
	grep -q '^1\.\.' "$T/tap"
}

@test "server: Debian's programs on ext4" { suite server hijack_ext4.bats; }
@test "tcp: Debian's programs on ext4" { suite tcp hijack_ext4.bats; }
@test "spawn: Debian's programs on ext4" { suite spawn hijack_ext4.bats; }
@test "server: file systems" { suite server components.bats; }
@test "tcp: file systems" { suite tcp components.bats '^(ext4|vfat)$'; }

@test "server: results of calls of all kinds" {
	start_server
	program abi
	stop_server
	start_server -c 2
	program abi
	stop_server
}

@test "tcp: results of calls of all kinds" {
	start_tcp_server
	program abi
	stop_server
}

@test "server: bad pointers in each argument of each call" {
	start_server -c 2
	program efault
	client ls /rump
	stop_server
}

@test "tcp: bad pointers in each argument of each call" {
	start_tcp_server -c 2
	program efault
	client ls /rump
	stop_server
}

@test "server: 10,000 threads come and go, many are blocked at once" {
	start_server
	program threads 10000
	stop_server
}

@test "server: timers, timeouts and interrupts" {
	start_server
	program timers
	stop_server
}

# stressed START SECONDS FSTYPE VCPUS
stressed() {
	# shellcheck disable=SC2046
	require $(image_tools "$3")
	make_image "$3" "$T/disk.img" 400m
	printf 'drive /dev/disk "%s"\nmount %s /dev/disk /mnt\n' "$T/disk.img" "$3" >"$T/conf"
	"$1" -c "$4" -f "$T/conf"
	program stress "$2" /mnt none
	stop_server
	check_image "$3" "$T/disk.img" >"$T/fsck" 2>&1 || { cat "$T/fsck"; false; }
}

@test "server: eight threads that verify what they read, ext4, 2 vCPUs" {
	stressed start_server 20 ext4 2
}

@test "tcp: eight threads that verify what they read, ext4, 2 vCPUs" {
	stressed start_tcp_server 10 ext4 2
}
