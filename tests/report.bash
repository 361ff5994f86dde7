# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Programs of tests/prog/report.h: what they print on ext4 of each rump kernel is what they
# print on ext4 of the host.
#
#	setup_file() { load lib; load report; build_report paths; }
#	reports paths names		a case; $words: more words of RUMPHIJACK
#	each COMMAND...			succeeds on a new image at /rump of each kernel
#	in_image COMMAND...		on that of $kernel

REPORT_KERNELS=${RUMP_TEST_KERNELS:-local spawn server}

# build_report NAME...: makes $PROGRAMS/NAME
build_report() {
	local name
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" mke2fs e2fsck "${CC:-gcc}"
	export PROGRAMS=$BATS_FILE_TMPDIR
	for name; do
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -pthread \
			-o "$PROGRAMS/$name" "$RUMP_TOP/tests/prog/$name.c"
	done
	# the host's ext4, where there is one
	export HOST_FOLDER=$BATS_FILE_TMPDIR
	[ "$(stat -f -c %T "$HOST_FOLDER")" = ext2/ext3 ] || ! is_root || _mount_ext4
}

_mount_ext4() {
	local folder=$BATS_FILE_TMPDIR/ext4
	mkdir "$folder"
	make_image ext4 "$folder.image" 64m
	mount -o loop "$folder.image" "$folder" 2>/dev/null || return 0
	export HOST_FOLDER=$folder
}

# for teardown_file
end_report() {
	[ "${HOST_FOLDER:-$BATS_FILE_TMPDIR}" = "$BATS_FILE_TMPDIR" ] || umount "$HOST_FOLDER"
}

needs_root() {
	is_root || skip_or_fail "root, which a user is in a rump kernel of his own"
}

needs_host_ext4() {
	[ "$(stat -f -c %T "$HOST_FOLDER")" = ext2/ext3 ] || skip_or_fail "ext4 on the host"
}

# what a new image is at, for COMMAND
in_image() {
	local image=$T/disk result=0
	make_image ext4 "$image" 64m
	RUMP_CONSOLE=$T/console RUMP_TEST_KERNEL=$kernel \
		rump_with "path=/rump,image=$(escape_word "$image")${words:+,$words}" "$@" || result=$?
	check_image ext4 "$image" >"$T/fsck" 2>&1 || {
		cat "$T/fsck" "$T/console"
		return 1
	}
	return $result
}

# folders of both sides by one name, and what bash and a local kernel say of pids
_report_of() {
	sed -E "s,$1,@,g; /^rumphijack: rump kernel: process [0-9]+ waits for /d"
}

reports() {
	local kernel failed=()
	mkdir "$HOST_FOLDER/$2-$$"
	{ timeout -k 5 "$limit" "$PROGRAMS/$1" "$2" "$HOST_FOLDER/$2-$$" </dev/null 2>&1 3>&- ||
		echo "status $?"; } | _report_of "$HOST_FOLDER/$2-$$" >"$T/want"
	rm -rf "${HOST_FOLDER:?}/$2-$$"
	[ -s "$T/want" ]
	! grep '^status' "$T/want" || false
	for kernel in $REPORT_KERNELS; do
		{ in_image "$BASH" -c 'mkdir /rump/folder && exec "$@"' bash "$PROGRAMS/$1" "$2" \
			/rump/folder </dev/null 2>&1 3>&- || echo "status $?"; } |
			_report_of /rump/folder >"$T/got"
		diff "$T/want" "$T/got" >"$T/diff" || {
			echo "host, then kernel=$kernel:"
			head -n 40 "$T/diff"
			failed+=("$kernel")
		}
	done
	[ ${#failed[@]} = 0 ] || { echo "failed on: ${failed[*]}"; return 1; }
}

# each COMMAND...: tells what does not hold by its status
each() {
	local kernel failed=()
	for kernel in $REPORT_KERNELS; do
		in_image "$@" >"$T/out" 2>&1 || {
			echo "kernel=$kernel: status $?"
			cat "$T/out"
			failed+=("$kernel")
		}
	done
	[ ${#failed[@]} = 0 ]
}
