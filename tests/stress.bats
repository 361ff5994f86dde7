#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# 8 threads that verify each byte they read: tests/prog/stress.c, on 1, 2 and 4 vCPUs.
# STRESS_SECONDS: how long each run takes, 60 if it is not set.
# alone

load lib

setup() {
	seconds=${STRESS_SECONDS:-60}
	limit=$((seconds + 60))
}

# stress_on FSTYPE VCPUS SECONDS: on a fresh image, which must be clean afterwards
stress_on() {
	# shellcheck disable=SC2046
	require $(image_tools "$1") "$RUMP_BUILD/tests/prog/stress"
	make_image "$1" "$T/disk.img" 400m
	cd "$T"
	RUMP_NCPU=$2 run prog stress "$3" /mnt \
		"drive /dev/disk $T/disk.img\\nmount $1 /dev/disk /mnt"
	grep -v '^ok' <<<"$output" || true
	[ "$status" -eq 0 ]
	run check_image "$1" "$T/disk.img"
	echo "$output" | tail -20
	[ "$status" -eq 0 ]
}

@test "ext4, 1 vCPU" {
	stress_on ext4 1 "$seconds"
}

@test "ext4, 2 vCPUs" {
	stress_on ext4 2 "$seconds"
}

@test "ext4, 4 vCPUs" {
	stress_on ext4 4 "$seconds"
}

@test "tmpfs in little memory, 2 vCPUs" {
	require "$RUMP_BUILD/tests/prog/stress"
	RUMP_NCPU=2 RUMP_MEMLIMIT=96m run prog stress 5 /tmp
	grep -v '^ok' <<<"$output" || true
	[ "$status" -eq 0 ]
}

@test "xfs, 2 vCPUs" {
	require "$RUMP_MODULES/xfs.ko"
	stress_on xfs 2 $((seconds / 6 + 1))
}

@test "btrfs, 2 vCPUs" {
	require "$RUMP_MODULES/btrfs.ko"
	stress_on btrfs 2 $((seconds / 6 + 1))
}
