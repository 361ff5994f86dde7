#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel has a bug, or a file system that shall panic on errors has one: the reason
# and a stack with names on stderr, then what RUMP_PANIC says.

load lib
load programs

setup_file() {
	load lib
	require mke2fs tune2fs debugfs dumpe2fs
	build_program oops oops.c
	build_program rumpsh rumpsh.c sides.c
	export BROKEN=$BATS_FILE_TMPDIR/broken.ext4
	make_broken "$BROKEN"
}

setup() {
	unset RUMP_PANIC RUMP_VERBOSE RUMP_CONF
	image=$T/disk
	cp --sparse=always "$BROKEN" "$image"
}

# make_broken FILE: an ext4 image with a torn folder, that asks for a panic on errors
make_broken() {
	local tree=$BATS_FILE_TMPDIR/tree block size
	mkdir -p "$tree/folder"
	touch "$tree/folder/file"
	make_image ext4 "$1" 32m "$tree"
	tune2fs -e panic "$1" >/dev/null
	size=$(dumpe2fs -h "$1" 2>/dev/null | awk '/^Block size:/ { print $3 }')
	block=$(debugfs -R 'bmap /folder 0' "$1" 2>/dev/null)
	[ "$block" -gt 0 ]
	tr '\0' '\377' </dev/zero | head -c "$size" |
		dd of="$1" bs="$size" seek="$block" conv=notrunc status=none
}

oops() {
	timeout -k 5 60 "$PROGRAMS/oops"
}

# looks a name up in the torn folder; whatever comes afterwards is on stdout
broken_lookup() {
	timeout -k 5 60 "$PROGRAMS/rumpsh" <<-END
		conf drive /dev/disk $image
		conf mount ext4 /dev/disk /mnt
		init
		stat /mnt/folder/file
		print went-on
	END
}

shows_oops() {
	grep -Eq 'fault at sys_getpgid\+0x0/0x[0-9a-f]+ on a read of address 0$' <<<"$1"
	grep -Eq 'CPU: 0 .*PID: [0-9]+ Comm: ' <<<"$1"
	grep -Eq '^.*\]  sys_getpgid\+0x0/0x' <<<"$1"
	grep -Eq '^.*\]  rump_task_start\+0x' <<<"$1"
	grep -q 'Kernel panic - not syncing: fault in the kernel' <<<"$1"
	[[ $1 != *"went-on"* ]]
}

shows_panic() {
	grep -Eq 'Kernel panic - not syncing: EXT4-fs \(device [a-z0-9]+\): panic forced' <<<"$1"
	# from the file system up to the system call
	grep -Eq '\]  ext4_lookup\+0x[0-9a-f]+/0x[0-9a-f]+$' <<<"$1"
	grep -Eq '\]  rump_user_loop\+0x[0-9a-f]+/0x[0-9a-f]+$' <<<"$1"
	[[ $1 != *"went-on"* ]]
}

@test "an oops: the reason, the stack, SIGABRT" {
	run oops
	echo "$output"
	[ "$status" -eq 134 ]
	shows_oops "$output"
}

@test "an oops is told once" {
	run oops
	[ "$(grep -c 'Call trace:' <<<"$output")" -eq 1 ]
	[ "$(grep -c 'Kernel panic' <<<"$output")" -eq 1 ]
}

@test "a panic: the reason, the stack, SIGABRT" {
	run broken_lookup
	echo "$output"
	[ "$status" -eq 134 ]
	shows_panic "$output"
}

@test "RUMP_PANIC=abort, in words" {
	RUMP_PANIC=abort run oops
	[ "$status" -eq 134 ]
	shows_oops "$output"
}

@test "RUMP_PANIC=exit: status 1, exit=N: status N" {
	RUMP_PANIC=exit run oops
	[ "$status" -eq 1 ]
	shows_oops "$output"
	RUMP_PANIC=exit=42 run oops
	[ "$status" -eq 42 ]
	shows_oops "$output"
	RUMP_PANIC=exit=43 run broken_lookup
	[ "$status" -eq 43 ]
	shows_panic "$output"
}

@test "RUMP_PANIC=hang: the process stays, and says which it is" {
	local log=$T/log pid
	RUMP_PANIC=hang "$PROGRAMS/oops" >"$log" 2>&1 3>&- &
	pid=$!
	for _ in $(seq 300); do
		! grep -q 'waiting for a debugger' "$log" || break
		sleep 0.1
	done
	cat "$log"
	grep -q "rump: panic: waiting for a debugger: gdb -p $pid (thread $pid)" "$log"
	sleep 0.5
	kill -0 "$pid"
	# it sleeps, it does not spin
	[[ $(awk '{ print $3 }' "/proc/$pid/stat") == [SD] ]]
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	shows_oops "$(cat "$log")"
}

@test "the core shows the stack that panicked" {
	require gdb
	# the kernel may hand cores to a program: gdb stops at the signal either way
	run timeout -k 5 120 gdb -nx -q -batch -iex 'set debuginfod enabled off' \
		-iex 'set auto-load safe-path /' -ex 'handle SIGSEGV nostop noprint pass' \
		-ex run -ex "generate-core-file $T/core" "$PROGRAMS/oops"
	echo "$output"
	[[ $output == *"received signal SIGABRT"* ]]
	run timeout -k 5 120 gdb -nx -q -batch -iex 'set debuginfod enabled off' \
		-iex 'set auto-load safe-path /' -ex bt "$PROGRAMS/oops" "$T/core"
	echo "$output"
	grep -Eq '^#[0-9]+ .*\bpanic_now ' <<<"$output"
	grep -Eq '^#[0-9]+ .* in (vpanic|panic) ' <<<"$output"
	grep -Eq '^#[0-9]+ .* in rump_fault ' <<<"$output"
}

@test "a program under the preload ends with the reason, too" {
	require "$LIBRUMPHIJACK"
	run rump_with "path=/rump,image=$(escape_word "$image")" stat /rump/folder/file
	echo "$output"
	[ "$status" -eq 134 ]
	shows_panic "$output"
}

@test "the image can be repaired, and is used again" {
	run broken_lookup
	[ "$status" -eq 134 ]
	run e2fsck -fy "$image"
	[ "$status" -le 1 ]
	check_image ext4 "$image"
	run timeout -k 5 60 "$PROGRAMS/rumpsh" <<-END
		conf drive /dev/disk $image
		conf mount ext4 /dev/disk /mnt
		init
		mkdir /mnt/new
		print went-on
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"went-on"* ]]
	check_image ext4 "$image"
}

# lib.bash asks for it, so that a WARN_ON is a failure in all tests; this is what one leaves
@test "a kernel of the tests that warns ends, and says so" {
	run rump_with path=/rump sh -c 'echo 512 >/rump/proc/sys/kernel/tainted; echo went-on'
	echo "$output"
	[ "$status" = 134 ]
	[[ $output == *"Kernel panic - not syncing: panic_on_taint"* && $output != *went-on* ]]
}
