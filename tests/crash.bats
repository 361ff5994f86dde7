#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 at any moment: the image is whole, and what was fsync'ed is there.
# timeout: 900

load programs

ROUNDS=${RUMP_CRASH_ROUNDS:-50}

setup_file() {
	build_program crashwriter crashwriter.c sides.c
}

@test "kill -9 during writes, $ROUNDS times on one image" {
	local image=$BATS_TEST_TMPDIR/disk.img list=$BATS_TEST_TMPDIR/list round pid status
	make_ext4 "$image" 2048
	: >"$list"
	for round in $(seq "$ROUNDS"); do
		"$PROGRAMS/crashwriter" write "$image" "$round" >>"$list" 2>"$list.err" &
		pid=$!
		# from nothing written at all to many files
		sleep "0.$((RANDOM % 700 + 100))"
		# some write so much that there is something to verify
		[ $((round % 10)) != 5 ] || until [ -s "$list" ]; do sleep 0.1; done
		kill -9 "$pid"
		wait "$pid" || true
		[ ! -s "$list.err" ] || { cat "$list.err"; false; }
		status=0
		/sbin/e2fsck -p "$image" || status=$?
		[ "$status" -le 1 ]
		/sbin/e2fsck -fn "$image"
		# keep the image from filling up: old rounds are verified and removed
		if [ $((round % 10)) = 0 ]; then
			timeout -k 5 120 "$PROGRAMS/crashwriter" verify "$image" "$list"
			[ -s "$list" ]
			make_ext4 "$image" 2048
			: >"$list"
		fi
	done
	timeout -k 5 120 "$PROGRAMS/crashwriter" verify "$image" "$list"
	/sbin/e2fsck -fn "$image"
}
