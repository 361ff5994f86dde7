#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# fork, vfork, clone, posix_spawn and exec by C's and Python's ways, on local, private and
# common kernels: tests/prog/families.c, tests/children.py.
# timeout: 900

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3 "${CC:-gcc}"
	export FAMILIES=$BATS_FILE_TMPDIR/families
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$FAMILIES" \
		"$RUMP_TOP/tests/prog/families.c" -lpthread
	# not a script that looks for the right one
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	limit=150
	socket=
}

teardown() {
	end_kernels
}

families() {
	# shellcheck disable=SC2016
	on_each_kernel same sh -c 'exec "$0" "$1" "$D"' "$FAMILIES" "$1"
}

# the first process, without a shell before it
families_first() {
	# shellcheck disable=SC2016
	on_each_kernel first "$1"
}

first() {
	client mkdir -p "/rump/tmp/first"
	run client "$FAMILIES" "$1" "/rump/tmp${RUMP_SERVER:+/first}"
	echo "$output"
	[ "$status" = "${want:-0}" ]
	[ -z "$output" ]
}

python() {
	# shellcheck disable=SC2016
	on_each_kernel same bash -c 'exec "$0" "$1" "$2" "$D"' "$PYTHON" \
		"$RUMP_TOP/tests/children.py" "$1"
}

@test "vfork and exec: what is inherited, what is closed" { families vforks; families_first vforks; }
@test "clone and fork as instructions" { families raw_clones; families_first raw_clones; }
@test "daemon()" { families daemons; families_first daemons; }
@test "posix_spawn with file actions, system, popen" { families spawns; families_first spawns; }
@test "exec by another thread while one is in a call" {
	families exec_of_thread; families_first exec_of_thread
}
@test "exec by the process that has the kernel" {
	families exec_of_first
	want=7 families_first exec_of_first
}
@test "a child's call is interrupted or restarted as ever" {
	families interrupted; families_first interrupted
}
@test "blocked threads of a child hold none of its others" {
	families blocked; families_first blocked
}
@test "a descriptor passed to a child by a host socket" { families passed; families_first passed; }

@test "a child whose system calls are filtered" { families confined; families_first confined; }

@test "a process that gives up its rights, and with it the kernel's threads" {
	is_root || skip_or_fail "root"
	families_first drops
	families drops
}

@test "without the trap: the functions of the C library alone" {
	no_trap() {
		local case
		# what stdio writes inside of the C library needs the trap
		for case in vforks daemons blocked exec_of_first; do
			run tagged rump_with path=/rump,trap=off "$FAMILIES" "$case" /rump/tmp
			echo "$case: $status $output"
			[ "$status" = 0 ] || [ "$case $status" = "exec_of_first 7" ]
		done
	}
	KERNELS=${KERNELS/server/} on_each_kernel no_trap
}

@test "python: subprocess" { python subprocess; }
@test "python: pass_fds, close_fds, close-on-exec" { python passed_fds; }
@test "the end of a pipe is seen when its last writer executes something else" {
	python close_on_exec
}
@test "python: multiprocessing by fork" { python multiprocessing_fork; }
@test "python: multiprocessing by spawn" { python multiprocessing_spawn; }
@test "python: multiprocessing by a fork server" { python multiprocessing_forkserver; }
@test "python: fork: files, offsets, directory, umask, locks" { python fork; }
@test "python: posix_spawn" { python posix_spawn; }
@test "forks of several threads while others call" { python fork_of_threads; }
@test "200 forks that live at once" { python many; }
@test "what a child held is free when it has ended" { python ends; }
@test "signals reach processes that are in calls" { python signals; }
@test "python: temporary files given to children" { python temporary; }

@test "a server with four workers on one listening socket of the rump kernel" {
	socket=inet python prefork
}
