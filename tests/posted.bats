#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Calls that clients do not wait for (rumpclient/post.c) cannot be told from others: what
# tests/posted.py prints with a server's kernel is what it prints on the host.

load lib

setup() {
	cd "$T" || return
	require "$SERVER_PROGRAM" "$LIBRUMPHIJACK" python3
}

teardown() {
	end_kernels
}

as_on_the_host() {
	local socket=inet name
	for name; do
		timeout -k 5 60 "$RUMP_TOP/tests/posted.py" "$name" >host
		client "$RUMP_TOP/tests/posted.py" "$name" >rump
		diff host rump
		[ -s rump ]
	done
}

@test "options are set in their order, in a server with one vCPU and with two" {
	for cpus in 1 2; do
		start_server -c $cpus
		as_on_the_host answers own
		stop_server
	done
}

@test "other threads, processes and programs see them" {
	start_server -c 2
	as_on_the_host threads processes programs
}

@test "a number that was a TCP socket's is posted for no longer" {
	start_server
	as_on_the_host numbers
}

@test "the end of a program" {
	start_server
	as_on_the_host end
}

@test "over tcp:// nothing is posted, and all is the same" {
	start_tcp_server
	as_on_the_host answers own threads numbers
}
