#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Debian's own programs under the preload, with a folder for a kernel: a mistake here is the
# hijack's.  hijack_ext4.bats does the same with the kernel.

load lib
load hijack
load hijack_programs

setup_file() {
	load lib
	load hijack
	build_fake
	export TREE=$BATS_FILE_TMPDIR/tree
	make_tree "$TREE"
}

setup() {
	new_root
}

under() {
	fake "$@"
}

@test "ls, cat, stat, readlink, realpath" { program_ls_cat_stat; }
@test "cp -a there and back" { program_cp_there_and_back; }
@test "mv across and back" { program_mv_across; }
@test "tar in, out, and onto an archive in the kernel" { program_tar; }
@test "find, grep -r, du, md5sum, diff -r, rm -r" { program_find_grep_du_md5sum; }
@test "sed -i, perl, vim, dd, truncate, install, touch, ln" { program_editors; }
@test "bash: redirections, globs, cd" { program_shell; }
@test "python: temporary files, threads, shutil" { program_python; }
