#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Manual pages: well-formed, installed, and none forgets what a header has.

load lib

@test "every page is clean" {
	require mandoc
	run mandoc -Tlint -Wwarning "$RUMP_TOP"/man/*.[1-9]
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "every page is installed" {
	local page
	for page in "$RUMP_TOP"/man/*.[1-9]; do
		grep -qF "'${page##*/}'" "$RUMP_TOP/man/meson.build" || { echo "$page"; false; }
	done
}

# the words of page $1 that stand behind Fn, Fo, Dv, Va, It Va
documented() {
	grep -qwE -- "$2" "$RUMP_TOP/man/$1" || { echo "$1 does not tell of $2"; return 1; }
}

@test "rump.h: every function and constant has its words" {
	local name bad=0 found
	for name in $(grep -oE '\b(rump_[a-z_]+\(|RUMP_(RF|ETFS_)[A-Z_]+)' \
		"$RUMP_TOP/include/rump/rump.h" | tr -d '(' | sort -u); do
		found=0
		for page in rump.3 rump_etfs.3 rump_lwproc.3; do
			documented "$page" "$name" >/dev/null && found=1
		done
		[ "$found" = 1 ] || { echo "$name"; bad=1; }
	done
	[ "$bad" = 0 ]
}

@test "rumpuser.h: every hypercall, upcall, function and flag has its words" {
	local name bad=0
	for name in $(sed -nE -e 's/.*\(\*([a-z_]+)\)\(.*/\1/p' -e 's/.*\b(rumpuser_[a-z_]+)\(.*/\1/p' \
		-e 's/.*\b(RUMPUSER_(OPEN|IO)_[A-Z_]+).*/\1/p' "$RUMP_TOP/include/rump/rumpuser.h" |
		sort -u); do
		case $name in fn | done | call | rumpuser_ops | rumpuser_upcalls) continue ;; esac
		documented rumpuser.3 "$name" || bad=1
	done
	[ "$bad" = 0 ]
}

@test "rump_sp.h: every message, call and kind has its words" {
	local name bad=0
	for name in $(grep -oE '^\s+RUMP_SP_[A-Z_]+( = 1)?,|RUMP_SP_CALL_[A-Z]+' \
		"$RUMP_TOP/include/rump/rump_sp.h" | grep -oE 'RUMP_SP_[A-Z_]+' | sort -u); do
		documented rump_sp.7 "$name" || bad=1
	done
	[ "$bad" = 0 ]
}

@test "rumpclient.h: every function and constant has its words" {
	local name bad=0
	for name in $(grep -oE '\brumpclient_[a-z_]+\(|\bRUMPCLIENT_[A-Z_]+\b' "$RUMP_TOP/include/rump/rumpclient.h" |
		tr -d '(' | sort -u); do
		documented rumpclient.3 "$name" || bad=1
	done
	[ "$bad" = 0 ]
}

@test "every environment variable that is read is told of" {
	local name bad=0
	for name in $(grep -rhoE 'param\("RUMP_[A-Z]+"\)' "$RUMP_TOP/rumpuser" "$RUMP_TOP/rumpkernel/linux" |
		grep -oE 'RUMP_[A-Z]+' | sort -u); do
		documented rump.3 "$name" || bad=1
	done
	[ "$bad" = 0 ]
}

@test "the example of rump(3) compiles" {
	require mandoc gcc
	local header=$RUMP_BUILD/include
	require "$header/rump/rump_syscalls.h"
	sed -n '/^#include <fcntl.h>/,/^}/p' "$RUMP_TOP/man/rump.3" | sed 's/\\en/\\n/g' >"$T/example.c"
	[ "$(wc -l <"$T/example.c")" -gt 25 ]
	gcc -Wall -Wextra -Werror -I"$RUMP_TOP/include" -I"$header" -c -o "$T/example.o" "$T/example.c"
}

@test "the example of rump(3) prints the first line of a file in an image" {
	require mke2fs "$LIBRUMP"
	mkdir -p "$T/tree/etc"
	printf 'first line\nsecond\n' >"$T/tree/etc/motd"
	make_image ext4 "$T/disk.img" 16m "$T/tree"
	sed -n '/^#include <fcntl.h>/,/^}/p' "$RUMP_TOP/man/rump.3" | sed 's/\\en/\\n/g' >"$T/example.c"
	gcc -I"$RUMP_TOP/include" -I"$RUMP_BUILD/include" -o "$T/example" "$T/example.c" \
		-L"$RUMP_BUILD/rumpkernel" -L"$RUMP_BUILD/rumpuser" -lrump -lrumpuser
	cd "$T"
	run timeout -k 5 30 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" ./example
	echo "$output"
	[ "$output" = "first line" ]
	rm "$T/disk.img"
	run timeout -k 5 30 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" ./example
	[ "$status" -eq 1 ]
	[[ $output == *disk.img* ]]
}
