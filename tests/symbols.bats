#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# libc's functions that make system calls of their own, against those that the preload has:
# what it shall do without the trap.

load lib

setup_file() {
	load lib
	require "$LIBRUMPHIJACK" objdump readelf nm python3
	export LIBC=$(ldconfig -p | awk '/libc\.so\.6 .*x86-64/ { print $NF; exit }')
	[ -e "$LIBC" ] || skip_or_fail libc.so.6
	export CALLS=$BATS_FILE_TMPDIR/calls
	python3 "$RUMP_TOP/tests/libc_calls.py" "$LIBC" >"$CALLS"
}

teardown() {
	end_kernels
}

# What libc's own may stay, and why.  "?": the number is no constant in the function.
reasons() {
	cat <<-'END'
		__clone        fork.c: the trap has it; without, children come by fork() and spawn.c
		clone          fork.c: the trap has it; without, children come by fork() and spawn.c
		abort          its mask ends with the process
		getcontext     saves a mask, changes none
		setcontext     sets what getcontext saved
		swapcontext    sets what getcontext saved
		pthread_create the new thread's mask is the one of its maker
		pthread_barrier_destroy     futex
		pthread_barrier_wait        futex
		pthread_cond_broadcast      futex
		pthread_cond_destroy        futex
		pthread_cond_signal         futex
		pthread_mutex_setprioceiling futex
		getentropy     getrandom
		getrlimit      reads: the host's limits are the truth
		getrlimit64    reads: the host's limits are the truth
		herror         to standard error, as all of stdio
		ptrace         of interest to the trap alone
		mq_notify      POSIX queues are the host's
		mq_open        POSIX queues are the host's
		mq_setattr     POSIX queues are the host's
		mq_timedreceive POSIX queues are the host's
		mq_timedsend   POSIX queues are the host's
		setegid        libc makes all threads do it; the trap sees each
		seteuid        libc makes all threads do it; the trap sees each
		setfsgid       as setegid
		setfsuid       as seteuid
		setgid         libc makes all threads do it; the trap sees each
		setgroups      libc makes all threads do it; the trap sees each
		setregid       libc makes all threads do it; the trap sees each
		setresgid      libc makes all threads do it; the trap sees each
		setresuid      libc makes all threads do it; the trap sees each
		setreuid       libc makes all threads do it; the trap sees each
		setuid         libc makes all threads do it; the trap sees each
	END
}

# "NAME SYSCALL" of what is the preload's affair
wanted() {
	# numbers of rows that are not the host's alone
	awk '
		FILENAME ~ /\.tbl$/ { if ($1 ~ /^[0-9]+$/ && $2 != "x32") name[$1] = $3; next }
		FILENAME ~ /\.def$/ {
			if (match($0, /^SYSCALL\([a-z0-9_]+,[ \t]*none,/)) {
				split($0, part, /[(,]/)
				free[part[2]] = 1
			}
			next
		}
		$2 == "?" || !(name[$2] in free) { print $1, $2 == "?" ? "?" : name[$2] }
	' "$RUMP_BUILD/rumpkernel/linux/tree/arch/x86/entry/syscalls/syscall_64.tbl" \
		"$RUMP_TOP/hijack/syscalls.def" "${1:-$CALLS}" | sort -u
}

exported() {
	nm -D --defined-only "$LIBRUMPHIJACK" | awk '{ print $3 }' | sort -u
}

@test "the inspection finds what is known to be there" {
	local line
	[ "$(wc -l <"$CALLS")" -gt 300 ]
	for line in 'read 0' 'open64 257' 'getpid 39' 'dup2 33' 'pipe2 293'; do
		grep -qx "$line" "$CALLS" || { echo "not found: $line"; return 1; }
	done
}

@test "each function with a call of its own is the preload's, or has a reason" {
	local missing
	missing=$(join -v1 <(wanted) <({ exported; reasons | awk '{ print $1 }'; } | sort -u))
	echo "neither in symbols.def nor with a reason: $missing"
	[ -z "$missing" ]
}

@test "one that is missing is told, and a reason that nobody needs" {
	{ cat "$CALLS"; echo 'new_function 0'; } >"$T/calls"
	[ "$(join -v1 <(wanted "$T/calls") <({ exported; reasons | awk '{ print $1 }'; } | sort -u))" = \
		'new_function read' ]
	local stale
	stale=$(join -v1 <(reasons | awk '{ print $1 }' | sort) <(wanted | awk '{ print $1 }' | sort -u))
	echo "reasons without a function: $stale"
	[ -z "$stale" ]
	[ -z "$(comm -12 <(reasons | awk '{ print $1 }' | sort) <(exported))" ]
}

@test "what the preload exports is libc's, with a few names of its own" {
	local extra
	extra=$(comm -13 <(nm -D --defined-only "$LIBC" | sed 's/.* //; s/@.*//' | sort -u) <(exported) |
		grep -v '^rumphijack_')
	echo "not libc's: $extra"
	# of later versions of libc
	[ -z "$(grep -vxE 'epoll_pwait2|getdents64|etext' <<<"$extra")" ]
}

# every function that a program calls by name, with nothing to fall back on
@test "without the trap the functions alone do it, as on the host" {
	local source=$RUMP_TOP/tests/prog/libc_functions.c
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$T/calls" "$source" -lpthread
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64 -Wall -Wextra -O2 \
		-o "$T/fortified" "$source" -lpthread
	mkdir "$T/host"
	"$T/calls" "$T/host"
	functions_alone() {
		tagged rump_with path=/rump,trap=off "$T/calls" /rump/tmp/1
		tagged rump_with path=/rump,trap=off "$T/fortified" /rump/tmp/2
		tagged rump_with path=/rump "$T/calls" /rump/tmp/3
	}
	on_each_kernel functions_alone
}
