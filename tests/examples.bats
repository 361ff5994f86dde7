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

# the programs that the scripts call, as they are found when they are installed
example() {
	PATH=$RUMP_BUILD/tools:$PATH timeout -k 5 60 "$RUMP_TOP/examples/$1" "${@:2}"
}

@test "webserver.sh: a web server with an address of its own" {
	require python3 curl
	run example webserver.sh "$PWD/wire"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'<a href="tree/">tree/</a>'* ]]
	[[ $output == *'10.0.0.2 - - '*'"GET / HTTP/1.1" 200'* ]]
}

@test "two-hosts.sh: two servers on one wire" {
	require ping ip
	run example two-hosts.sh
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'PING host2 (10.0.0.2)'*'2 received, 0% packet loss'*'10.0.0.1 dev shmif0 lladdr'* ]]
}

@test "router.sh: three kernels, the middle one translates addresses" {
	require ping nft
	run example router.sh
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'3 received, 0% packet loss'* ]]
	grep -E 'oifname "shmif1" counter packets [1-9][0-9]* bytes [0-9]+ masquerade' <<<"$output"
}

@test "capture.sh: what passes on a bus" {
	require curl python3 tcpdump
	run example capture.sh
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'IP 10.0.0.2.'*' > 10.0.0.1.80: Flags [S]'*' HTTP: GET / HTTP/1.1'* ]]
	[[ $output == *'IP 10.0.0.1.80 > 10.0.0.2.'*'HTTP: HTTP/1.0 200 OK'* ]]
}

@test "netconfig: a network by calls" {
	run timeout -k 5 30 "$RUMP_BUILD/examples/netconfig" "$PWD/wire"
	echo "$output"
	[ "$output" = 'hello, from 10.0.0.1 to itself' ]
	run timeout -k 5 30 "$RUMP_BUILD/examples/netconfig" "$PWD/no/wire"
	[ "$status" = 1 ]
	[[ $output == "netconfig: $PWD/no/wire: No such file or directory" ]]
}
