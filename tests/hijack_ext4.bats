#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Debian's own programs under the preload on an ext4 image in the rump kernel.

load lib
load hijack_programs

setup_file() {
	load lib
	require "$LIBRUMPHIJACK" "$LIBRUMP" mke2fs e2fsck debugfs
	export TREE=$BATS_FILE_TMPDIR/tree
	make_tree "$TREE"
}

setup() {
	image=$T/disk
	make_image ext4 "$image" 96m
}

teardown() {
	[ ! -e "$image" ] || check_image ext4 "$image"
}

under() {
	rump "$@"
}

@test "ls, cat, stat, readlink, realpath" { program_ls_cat_stat; }
@test "cp -a there and back" { program_cp_there_and_back; }
@test "mv across and back" { program_mv_across; }
@test "tar in, out, and onto an archive in the kernel" { program_tar; }
@test "find, grep -r, du, md5sum, diff -r, rm -r" { program_find_grep_du_md5sum; }
@test "sed -i, perl, vim, dd, truncate, install, touch, ln" { program_editors; }
@test "bash: redirections, globs, cd" { program_shell; }
@test "python: temporary files, threads, shutil" { program_python; }

@test "what is written through /rump is what debugfs finds in the image" {
	rump cp -a "$TREE" /rump/tree
	extract_image ext4 "$image" "$T/out"
	diff <(cd "$TREE" && find . -type f -print0 | sort -z | xargs -0 sha256sum) \
		<(cd "$T/out/tree" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

@test "df /rump and stat -f tell of the image" {
	run rump df --output=source,fstype,target /rump
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[1]} == *ext4*/rump ]]
	[ "$(rump stat -f -c %T /rump)" = ext2/ext3 ]
}

# a kernel elsewhere unmounts when it sees that the program is gone
is_free() {
	! find /proc/[0-9]*/fd -lname "$(realpath "$image")" 2>/dev/null | grep -q .
}

@test "a killed program leaves an image that e2fsck finds clean after its journal" {
	run rump python3 -c '
import os
with open("/rump/kept", "w") as f:
    f.write("kept\n")
    f.flush()
    os.fsync(f.fileno())
os.kill(os.getpid(), 9)'
	[ "$status" = 137 ]
	wait_until 20 is_free
	e2fsck -p "$image" || [ $? = 1 ]
	[ "$(debugfs -R 'cat /kept' "$image" 2>/dev/null)" = kept ]
}

@test "SIGTERM in the middle of a copy: what was written is there" {
	run rump bash -c 'echo kept >/rump/kept; kill $$; sleep 1'
	[ "$status" = 143 ]
	wait_until 20 is_free
	[ "$(debugfs -R 'cat /kept' "$image" 2>/dev/null)" = kept ]
}
