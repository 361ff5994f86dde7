#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The installed files, used as a program's author uses them.

setup_file() {
	export STAGE=$BATS_FILE_TMPDIR/stage
	DESTDIR=$STAGE meson install -C "$RUMP_BUILD" --no-rebuild >"$BATS_FILE_TMPDIR/log"
	export LIBDIR=$(dirname "$(find "$STAGE" -name librump.so -print -quit)")
	export PKG_CONFIG_PATH=$LIBDIR/pkgconfig PKG_CONFIG_SYSROOT_DIR=$STAGE
}

@test "libraries, links, modules, headers and manuals are there" {
	local file
	for file in librump.so librump.so.0 librumpuser.so librumpuser.so.0 librumphijack.so \
		librumpfs_ext4.so librumpfs_ext4.so.0 librumpnet_agr.so librumpdev_wifi.so.0 rump/modules/modules.index; do
		[ -e "$LIBDIR/$file" ]
	done
	diff -r "$RUMP_BUILD/rumpkernel/rump/modules" "$LIBDIR/rump/modules"
	for file in rump.h rumpuser.h; do
		cmp "$RUMP_TOP/include/rump/$file" "$(find "$STAGE" -path "*include/rump/$file")"
	done
	for file in rump.3 rumpuser.3 rump_etfs.3; do
		[ -n "$(find "$STAGE" -path "*man/man3/$file*")" ]
	done
}

@test "the versions agree" {
	local version
	version=$(meson introspect --projectinfo "$RUMP_BUILD" | python3 -c 'import json,sys; print(json.load(sys.stdin)["version"])')
	[ "$(pkg-config --modversion rump)" = "$version" ]
	[ "$(pkg-config --modversion rumpuser)" = "$version" ]
	grep -qx "#define RUMP_VERSION_MAJOR ${version%%.*}" "$RUMP_TOP/include/rump/rump.h"
	grep -qx "#define RUMP_VERSION_MINOR ${version#*.}" "$RUMP_TOP/include/rump/rump.h"
}

@test "a program built by pkg-config boots a kernel" {
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#include <stdio.h>
		#include <sys/syscall.h>
		#include <rump/rump.h>
		int main(void)
		{
			int error = rump_init();

			if (error) {
				fprintf(stderr, "rump_init: %d %s\n", error, rump_boot_error());
				return 1;
			}
			printf("%s %ld\n", rump_getrelease(), rump_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0));
			return 0;
		}
	END
	gcc -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c" $(pkg-config --cflags --libs rump)
	run env LD_LIBRARY_PATH="$LIBDIR" timeout -k 5 30 "$BATS_TEST_TMPDIR/p"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output =~ ^6\.12\.[0-9]+\ [0-9]+$ ]]
}

@test "installed, rump_hijack finds the preload, and programs of musl theirs" {
	local bin=$(dirname "$(find "$STAGE" -name rump_hijack -print -quit)")
	run timeout -k 5 30 "$bin/rump_hijack" ls /rump/proc/sys/kernel/ostype
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = /rump/proc/sys/kernel/ostype ]
	[ -n "$(find "$STAGE" -path "*man/man1/rump_hijack.1*")" ]
	command -v musl-gcc >/dev/null || skip "missing: musl-gcc"
	musl-gcc -o "$BATS_TEST_TMPDIR/p" -x c - <<<'#include <stdio.h>
		int main(void) { return !fopen("/rump/proc/sys/kernel/ostype", "r"); }'
	timeout -k 5 30 "$bin/rump_hijack" "$BATS_TEST_TMPDIR/p"
	timeout -k 5 30 "$bin/rump_hijack" sh -c "$BATS_TEST_TMPDIR/p"
	timeout -k 5 30 "$bin/rump_hijack" -o kernel=spawn sh -c "$BATS_TEST_TMPDIR/p && cat /rump/proc/sys/kernel/ostype"
}
