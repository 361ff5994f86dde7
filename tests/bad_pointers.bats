#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What is read into memory that is not there stays where it was, as on the host: what
# tests/bad_pointers.py prints, on each kernel.

load lib

setup() {
	load open_libraries
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3
}

teardown() {
	kill_tagged
	end_kernels
}

# as_on_the_host [WORD]: with that word of RUMPHIJACK
as_on_the_host() {
	local folder=/rump/tmp
	mkdir -p "$T/host"
	timeout -k 5 60 "$RUMP_TOP/tests/bad_pointers.py" "$T/host" >"$T/want"
	tagged rump_with "path=/rump,socket=inet:inet6$1" \
		timeout -k 5 100 "$RUMP_TOP/tests/bad_pointers.py" "$folder" >"$T/got"
	diff "$T/want" "$T/got"
	[ "$(grep -c EFAULT "$T/got")" -gt 20 ]
}

@test "sockets, pipes, files: what was not read is there for the next" {
	on_each_kernel as_on_the_host ''
}

@test "sockets of the host by sockin" {
	for kernel in $KERNELS; do
		RUMP_TEST_KERNEL=$kernel as_on_the_host ,component=sockin
	done
}
