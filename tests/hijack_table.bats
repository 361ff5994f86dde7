#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Calls whose row in hijack/syscalls.def is special: descriptors in structs, limits, the
# machine's name, capabilities, the ends of threads.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" python3 "${CC:-gcc}"
	export PROGRAM=$BATS_FILE_TMPDIR/table
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$PROGRAM" \
		"$RUMP_TOP/tests/prog/table_calls.c" -lpthread
}

teardown() {
	end_kernels
}

# what the program checks holds on the rump kernel; `same` cannot be asked where it differs
holds() {
	client "$PROGRAM" "$1" /rump/tmp
}

on_host() {
	mkdir -p "$T/host"
	timeout -k 5 "$limit" "$PROGRAM" "$1" "$T/host"
}

@test "more descriptors than the kernel's own limit" { on_host many; on_each_kernel holds many; }
@test "RLIMIT_FSIZE holds for rump files" { on_host fsize; on_each_kernel holds fsize; }
@test "kcmp, pidfd_getfd, landlock and native aio do not take placeholders for files" {
	on_each_kernel holds inner
}
@test "io_uring is missing" { on_each_kernel holds uring; }
@test "a program whose only thread ends by exit(2) ends" { on_each_kernel holds thread_exit; }

# a kernel of the program's own cannot even have its memory then, and says so
@test "a limit set before the program starts holds" {
	holds_before() {
		run client bash -c 'ulimit -f 8; exec dd if=/dev/zero of=/rump/tmp/f bs=1k count=20'
		echo "$status: $output"
		[ "$status" = $((128 + $(kill -l XFSZ))) ]
	}
	KERNELS=server on_each_kernel holds_before
}

@test "capabilities that are given up on the host are given up in the rump kernel" {
	is_root || skip_or_fail root
	on_each_kernel holds capabilities
}

@test "sysctl=yes: the machine's name is the rump kernel's; no: the host's" {
	names() {
		local name
		name=$(uname -n)
		[ "$(client uname -n)" = "$name" ]
		[ "$(words=sysctl=yes,path=/rump client_with uname -r)" = \
			"$(client cat /rump/proc/sys/kernel/osrelease)" ]
		words=sysctl=yes,path=/rump client_with python3 -c '
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
assert libc.sethostname(b"inside", 6) == 0, ctypes.get_errno()
assert socket.gethostname() == "inside", socket.gethostname()
assert open("/rump/proc/sys/kernel/hostname").read() == "inside\n"'
		[ "$(uname -n)" = "$name" ]
	}
	client_with() { tagged rump_with "$words" "$@"; }
	on_each_kernel names
}
