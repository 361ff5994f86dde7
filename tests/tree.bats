#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel is an unmodified Linux: only arch/rump is added to the tree.

setup_file() {
	local source
	source=$(meson introspect --buildoptions "$RUMP_BUILD" | python3 -c '
import json, sys
for option in json.load(sys.stdin):
    if option["name"] == "linux_source":
        print(option["value"])')
	export TARBALL=${source:-/usr/src/linux-source-6.12.tar.xz}
	export UNPACKED=$RUMP_BUILD/rumpkernel/linux/unpacked
}

setup() {
	[ -f "$TARBALL" ] || skip "linux_source is a directory, not a tarball"
}

@test "every file of the tarball is in the tree, byte by byte" {
	# who owns a file is the unpacking user's affair
	run bash -c 'tar -C "$UNPACKED" -df "$TARBALL" 2>&1 | grep -vE ": (Uid|Gid|Mode) differs$"'
	echo "${lines[@]:0:20}"
	[ -z "$output" ]
}

@test "nothing is in the tree beside the tarball's files and arch/rump" {
	run diff <(tar -tf "$TARBALL" | sed 's,/$,,' | sort) \
		<(cd "$UNPACKED" && find . -mindepth 1 ! -path ./.stamp ! -path '*/arch/rump' \
			! -path './*/arch/rump/*' | sed 's,^\./,,' | sort)
	echo "${lines[@]:0:20}"
	[ "$status" -eq 0 ]
}

@test "arch/rump holds the overlay, the two public headers and x86's uapi, unchanged" {
	local tree rump
	tree=$(echo "$UNPACKED"/*/) rump=$(echo "$UNPACKED"/*/arch/rump)
	while read -r file; do
		cmp "$rump/$file" "$RUMP_TOP/rumpkernel/linux/$file" ||
			cmp "$rump/$file" "$RUMP_TOP/include/${file#include/}" ||
			cmp "$rump/$file" "$tree/arch/x86/$file"
	done < <(cd "$rump" && find . -type f | sed 's,^\./,,')
	while read -r file; do
		[ -f "$rump/$file" ]
	done < <(cd "$RUMP_TOP/rumpkernel/linux" && find . -type f ! -name '.*' ! -name '*~')
}
