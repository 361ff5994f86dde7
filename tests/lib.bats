#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The tests' own helpers: a check that cannot fail is none.

load lib

made() {
	# shellcheck disable=SC2046
	require $(image_tools "$1")
	make_tree "$T/tree" "${2:-full}"
	make_image "$1" "$T/disk" "$(image_size "$1")" "$T/tree"
	run check_image "$1" "$T/disk"
	[ "$status" -eq 0 ]
}

# $T/tree and $T/out; the host tools leave fifos and devices out
same_but_special() {
	diff <(list_tree "$T/tree" plain | grep -vP '^(fifo|null)\t') <(list_tree "$T/out" plain)
}

# check_image must see a file system that is torn
torn() {
	dd if=/dev/urandom of="$T/disk" bs=1k count=64 seek="$1" conv=notrunc status=none
	run check_image "$2" "$T/disk"
	echo "$output" | tail -5
	[ "$status" -ne 0 ]
}

@test "a tree is like itself and unlike a changed one" {
	local change
	make_tree "$T/a"
	cp -a "$T/a" "$T/b"
	same_tree "$T/a" "$T/b"
	for change in 'printf j >hello' 'chmod 640 empty' 'touch empty' 'rm symlink; ln -s hellO symlink' \
		'rm "a/hard link"; cp -p hello "a/hard link"' 'rm fifo' 'touch new' 'mkdir "empty folder/d"'; do
		rm -rf "$T/b"
		cp -a "$T/a" "$T/b"
		(cd "$T/b" && chmod u+w hello && chmod --reference="$T/a/hello" hello && eval "$change")
		run same_tree "$T/a" "$T/b"
		echo "$change: $status"
		[ "$status" -eq 1 ]
	done
}

@test "ext4: made, checked, extracted" {
	made ext4
	extract_image ext4 "$T/disk" "$T/out"
	rm -rf "$T/out/lost+found"
	same_but_special
	torn 0 ext4
}

@test "vfat: made, checked, extracted" {
	made vfat plain
	extract_image vfat "$T/disk" "$T/out"
	same_tree "$T/tree" "$T/out" plain
	torn 8 vfat
}

@test "exfat: made, checked; nothing can fill it" {
	require mkfs.exfat fsck.exfat
	make_image exfat "$T/disk" 48m
	check_image exfat "$T/disk"
	mkdir "$T/tree"
	run make_image exfat "$T/disk" 48m "$T/tree"
	[ "$status" -ne 0 ]
	[[ $output == *"copy through /rump"* ]]
}

@test "xfs: made, checked" {
	made xfs
	torn 0 xfs
}

@test "btrfs: made, checked, extracted" {
	made btrfs
	extract_image btrfs "$T/disk" "$T/out"
	same_but_special
	torn 16 btrfs
}

@test "squashfs: made, checked, extracted" {
	made squashfs
	extract_image squashfs "$T/disk" "$T/out"
	same_tree "$T/tree" "$T/out"
	truncate -s 8k "$T/disk"
	run check_image squashfs "$T/disk"
	[ "$status" -ne 0 ]
}

@test "iso9660: made, checked, extracted" {
	made iso9660 plain
	extract_image iso9660 "$T/disk" "$T/out"
	chmod -R u+w "$T/out"
	same_tree "$T/tree" "$T/out" plain
	torn 32 iso9660
}

@test "what is missing is named; under CI it fails" {
	CI=true run skip_or_fail mkfs.of-dreams
	[ "$status" -ne 0 ]
	[[ $output == *mkfs.of-dreams* ]]
	CI=true run require sh /nonexistent/file
	[ "$status" -ne 0 ]
	[[ $output == *"/nonexistent/file"* ]]
	require sh /etc/passwd
}

@test "commas and backslashes of a file name are escaped" {
	[ "$(escape_word 'a,b\c')" = 'a\,b\\c' ]
}

@test "a command under the preload sees an image and a tmpfs" {
	require mke2fs "$LIBRUMP" "$LIBRUMPHIJACK"
	make_tree "$T/tree"
	make_image ext4 "$T/a,disk" 48m "$T/tree"
	image=$T/a,disk run rump cp -a /rump "$T/copy"
	echo "$output"
	[ "$status" -eq 0 ]
	rm -r "$T/copy/lost+found"
	same_tree "$T/tree" "$T/copy"
	check_image ext4 "$T/a,disk"
	run rump sh -c 'cd /rump/tmp && echo word >file && read -r word <file && echo "$word"'
	[ "$output" = word ]
	limit=1 run rump sleep 10
	[ "$status" -eq 124 ]
}

@test "a body that fails in its middle, on one kernel of three, fails the test" {
	body() { [ "$kernel" != "$1" ] || false; echo "to the end on $kernel"; }
	KERNELS="local spawn tmpfs"
	# `run' would let a body go on after a failure
	set +e
	output=$(on_each_kernel body none)
	status=$?
	set -e
	[ "$status" -eq 0 ]
	[ "$(grep -c "to the end" <<<"$output")" = 3 ]
	set +e
	output=$(on_each_kernel body spawn)
	status=$?
	set -e
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"failed on: spawn" ]]
	[ "$(grep -c "to the end" <<<"$output")" = 2 ]
}

@test "a process that is left is found, ended, and a failure" {
	left() { grep -qx sleep $(_tagged_processes | sed 's,.*,/proc/&/comm,') /dev/null; }
	tagged sleep 60 3>&- &
	wait_until 20 left
	run none_left 1
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *" sleep 60"* ]]
	none_left
}

@test "the comparison with the host sees a difference of output and of status" {
	kernel=none
	client() { sed "s,here,${word:-here}," <<<"$D here"; return "${result:-0}"; }
	there() { echo "$D here"; }
	export -f there
	same bash -c there
	word=other run same bash -c there
	[ "$status" -eq 1 ]
	[[ $output == *"> @ other"* ]]
	result=3 run same bash -c there
	[ "$status" -eq 1 ]
	[[ $output == *"> status 3"* ]]
}
