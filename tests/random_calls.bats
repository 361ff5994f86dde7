#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Random system calls under the preload: nothing of the host changes, the kernel lives.
#
# RANDOM_CALLS: how many a seed (3000); RANDOM_SEEDS: which (the first ones).  By hand:
#	RANDOM_CALLS=200000 RANDOM_SEEDS="$(seq 100)" bats tests/random_calls.bats

load lib
load open_libraries

CALLS=${RANDOM_CALLS:-3000}
SEEDS=${RANDOM_SEEDS:-1 2 3}

setup_file() {
	load lib
	is_root || skip_or_fail root
	require "$LIBRUMP" "$LIBRUMPHIJACK" setpriv "${CC:-gcc}"
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -I"$RUMP_BUILD/hijack" \
		-o "$BATS_FILE_TMPDIR/random_calls" "$RUMP_TOP/tests/prog/random_calls.c"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
}

# tree FOLDER: what the program makes in the rump kernel, by the same names
tree() {
	mkdir -p "$1/folder"
	echo content >"$1/file"
	echo deep >"$1/folder/deep"
	ln -s file "$1/link"
	mkfifo "$1/fifo"
}

# a folder that the program can read, and nobody but root can change; and one that it could
# write to, if it were not hidden behind the rump kernel's
setup() {
	chmod 711 "${T%/*}" "$T"
	limit=$((60 + CALLS / 100))
	tree "$T/host"
	tree "$T/shadow/tmp/random"
	chown -Rh 65534:65534 "$T/shadow"
	find "$T/host" "$T/shadow" -depth -exec touch -h -d @1600000000 {} +
	: >"$T/last" && chmod 666 "$T/last"
	truncate -s 4096 "$T/last"
	: >"$T/console" && chmod 666 "$T/console"
	NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
	SERVER_AS=("${NOBODY[@]}")
	export prepare_folder=prepare_folder
	RUMP_LIBRARIES=$BATS_FILE_TMPDIR/lib
	LIBRUMPHIJACK=$RUMP_LIBRARIES/librumphijack.so
	SERVER_PROGRAM=$RUMP_LIBRARIES/rump_server
	export RUMP_MODULES=$RUMP_LIBRARIES/rump/modules
	open_libraries "$RUMP_LIBRARIES"
}

# a server of the same user
prepare_folder() {
	chown 65534 "$1"
}

teardown() {
	end_kernels
}

# all that a call on the wrong side could have changed
state() {
	list_tree "$T/host"
	list_tree "$T/shadow"
	find "$T" -maxdepth 1 ! -name 'state*' ! -name status ! -name console ! -name last ! -name out -printf '%f %m %u\n' | sort
	# others mount what is theirs meanwhile
	cut -d' ' -f3- /proc/self/mountinfo | grep -F "$T" || :
	uname -a
	umask
	find /tmp /dev/shm /dev/mqueue -maxdepth 1 -user 65534 ! -name 'rump-test.*' 2>/dev/null | sort
}

# all arguments are of the rump kernel: its names are those of the shadow, the working directory
# on the host too
only_rump() {
	local prefix=$T/shadow host=-
	cd "$T/shadow/tmp/random"
	random_calls
}

both_sides() {
	local prefix=/rump host=$T/host
	random_calls
}

# hijack COMMAND...: by a user who may change nothing, from before the preload on
hijack() {
	tagged timeout -k 5 "$limit" "${NOBODY[@]}" env RUMP_CONSOLE="$T/console" LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		RUMPHIJACK="path=$prefix,socket=all$words${RUMP_TEST_KERNEL:+,kernel=$RUMP_TEST_KERNEL}" \
		LD_PRELOAD="$LIBRUMPHIJACK" "$@" </dev/null 3>&- 4>&-
}

random_calls() {
	local seed status words=${words:-}
	for seed in $SEEDS; do
		state >"$T/state.before"
		status=0
		rm -f "$T/status"
		# a call may write to standard output, too
		{ hijack "$BATS_FILE_TMPDIR/random_calls" "$seed" "$CALLS" "$host" "$prefix/tmp/random" \
			"$T/last" 2>&1 || echo "$?" >"$T/status"; } | cat >"$T/out"
		[ ! -e "$T/status" ] || status=$(<"$T/status")
		state >"$T/state.after"
		if [ "$status" != 0 ] || [ "$(tr -d '\0' <"$T/last" | head -n 1)" != all ]; then
			echo "seed $seed: status $status; last: $(tr -d '\0' <"$T/last" | head -n 1)"
			tail -n 20 "$T/out" "$T/console"
			return 1
		fi
		diff "$T/state.before" "$T/state.after" || { echo "seed $seed: the host has changed"; return 1; }
		if bad_lines "$T/console"; then
			echo "seed $seed"
			return 1
		fi
	done
	# another program of the same kernel
	[ "$kernel" != server ] || [ "$(hijack cat "$prefix/proc/sys/kernel/ostype")" = Linux ]
}

@test "random calls on the rump kernel: nothing of the host changes" {
	on_each_kernel only_rump
}

@test "random calls on both sides: what the host protects is as before, the kernel lives" {
	on_each_kernel both_sides
}

@test "and without the trap" {
	words=,trap=off SEEDS=7 KERNELS=local on_each_kernel only_rump
	words=,trap=off SEEDS=8 KERNELS=local on_each_kernel both_sides
}

@test "a call on the wrong side would be seen" {
	state >"$T/state.before"
	(cd "$T/shadow/tmp/random" && "${NOBODY[@]}" touch file)
	state >"$T/state.after"
	! diff "$T/state.before" "$T/state.after" || false
}
