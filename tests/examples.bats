#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What examples/ shows works.
load lib

setup() {
	export LD_LIBRARY_PATH=$RUMP_BUILD/lib RUMP_MODULES=$RUMP_BUILD/rumpkernel/rump/modules
	cd "$BATS_TEST_TMPDIR"
	mkdir -p tree/folder
	echo hello >tree/motd
	echo deep >tree/folder/file
}

imgls() { timeout -k 5 30 "$RUMP_BUILD/examples/imgls" "$@"; }

@test "imgls lists the folders of an image" {
	mke2fs -q -t ext4 -d tree image 16M
	run imgls image
	[ "$status" = 0 ]
	[[ $output == *"100644          6 motd"* && $output == *" folder"* ]]
	run imgls image folder
	[[ $output == *"100644          5 file"* ]]
}

@test "imgls tells what is wrong" {
	run imgls nowhere
	[ "$status" = 1 ]
	[[ $output == "imgls: nowhere: "*"no such file or directory"* ]]
	head -c 1M /dev/zero >empty
	run imgls empty
	[ "$status" = 1 ]
	[[ $output == *"cannot be mounted"* ]]
	run imgls
	[ "$status" = 2 ]
}

@test "two-disks.conf: two file systems under one root" {
	cp "$RUMP_TOP/examples/two-disks.conf" .
	mke2fs -q -t ext4 -d tree system.img 16M
	truncate -s 320M data.img
	mkfs.xfs -q data.img
	LD_PRELOAD=$RUMP_BUILD/lib/librumphijack.so RUMPHIJACK=path=/rump,conf=two-disks.conf \
		run timeout -k 5 60 stat -c '%n %F' /rump/motd /rump/data
	echo "$output"
	[ "$output" = $'/rump/motd regular file\n/rump/data directory' ]
}
