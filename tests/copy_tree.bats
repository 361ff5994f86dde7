#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A real tree of more than 5,000 files goes into an ext4 image through /rump; then host
# programs read the image without a mount and find the same; then it comes back.

load lib

WANTED=5000

# the first folders of the host that have enough together
real_tree() {
	local folder files=0
	mkdir "$1"
	for folder in /usr/share/doc /usr/share/man /usr/include /usr/lib/python3 /usr/share; do
		[ -d "$folder" ] || continue
		mkdir "$1/$files"
		cp -a "$folder" "$1/$files/"
		files=$(find "$1" -type f | wc -l)
		[ "$files" -le "$WANTED" ] || return 0
	done
	echo "this host has only $files files" >&2
	return 1
}

# what a packaged tree has not: links of both kinds, times with nanoseconds, modes, owners
add_odd_things() {
	local tree=$1 n=0 file
	make_tree "$tree/odd"
	while read -r file; do
		n=$((n + 1))
		touch -d "@$((1500000000 + n)).$(printf '%09d' $((n * 1234567 % 1000000000)))" "$file"
		[ $((n % 10)) != 0 ] || chmod $((n % 7 + 1))$((n % 8))$((n % 5)) "$file"
		[ $((n % 25)) != 0 ] || ln "$file" "$tree/odd/link-$n"
		[ $((n % 30)) != 0 ] || ln -s "$file" "$tree/odd/symlink-$n"
		! is_root || [ $((n % 15)) != 0 ] || chown -h $n:$((n * 70000)) "$file"
	done < <(find "$tree" -type f ! -path "*/odd/*" | sort | head -300)
	# before 1970, after 2038
	touch -d @-1000.5 "$tree/odd/hello"
	touch -d @5000000000.000000001 "$tree/odd/empty"
}

# a few extended attributes, in the first namespace that this host's file system has
add_attributes() {
	local tree=$1 space n
	for space in user trusted; do
		setfattr -n $space.rump -v one "$tree/odd/empty" 2>/dev/null || continue
		setfattr -n $space.other -v "$(printf 'v%.0s' {1..500})" "$tree/odd/empty"
		setfattr -n $space.folder -v two "$tree/odd/many"
		for n in 1 2 3; do
			setfattr -n $space.same -v same "$tree/odd/many/file-$n"
		done
		return
	done
	skip_or_fail "extended attributes on the file system of ${tree%/*}"
}

setup_file() {
	load lib
	require mke2fs e2fsck debugfs setfattr tar python3 "$LIBRUMP" "$LIBRUMPHIJACK"
	export TREE=$BATS_FILE_TMPDIR/tree WANT=$BATS_FILE_TMPDIR/want
	real_tree "$TREE"
	add_odd_things "$TREE"
	add_attributes "$TREE"
	# the times of folders are the last thing to change
	find "$TREE" -type d -exec touch -d '2020-02-02 02:02:02.020202020' {} +
	"$RUMP_TOP/tests/list_tree.py" "$TREE" >"$WANT"
	[ "$(grep -c $'\tkind=f' "$WANT")" -gt "$WANTED" ]
	[ "$(grep -c "group='" "$WANT")" -gt 20 ]
	[ "$(grep -c 'xattr=.*rump' "$WANT")" = 1 ]
}

# without FIELD,...: what was wanted, less the fields that a program cannot tell
without() {
	sed -E "s/\t(${1//,/|})=[^\t]*//g" "$WANT"
}

# copy_there_and_back VCPUS
copy_there_and_back() {
	export RUMP_NCPU=$1
	limit=100
	image=$T/disk
	make_image ext4 "$image" 600m
	rump cp -a "$TREE" /rump/tree
	check_image ext4 "$image"

	# names, modes, owners, times, links, attributes, as debugfs reads them
	"$RUMP_TOP/tests/list_tree.py" -x target -d "$image" /tree >"$T/debugfs"
	diff <(without sum,target) "$T/debugfs"

	# bytes and targets, as debugfs dumps them; it leaves out what is no file
	mkdir "$T/out"
	debugfs -R "rdump /tree $T/out" "$image" 2>"$T/rdump"
	diff <(without mode,owner,links,group,mtime,xattr,dev | grep -v $'\tkind=[pc]') \
		<("$RUMP_TOP/tests/list_tree.py" -x mode,owner,links,group,mtime,xattr,dev "$T/out/tree")
	rm -r "$T/out"

	# and back out
	rump tar -C /rump/tree --format=posix --xattrs --xattrs-include='*' -cf "$T/back.tar" .
	mkdir "$T/back"
	tar -C "$T/back" --xattrs --xattrs-include='*' -xpf "$T/back.tar"
	diff "$WANT" <("$RUMP_TOP/tests/list_tree.py" "$T/back")
	check_image ext4 "$image"
}

@test "a real tree into an image, read on the host, and back; 1 vCPU" {
	copy_there_and_back 1
}

@test "a real tree into an image, read on the host, and back; 2 vCPUs" {
	copy_there_and_back 2
}

@test "fuse2fs shows the same tree" {
	require fuse2fs fusermount3
	is_root && [ -c /dev/fuse ] || skip "needs root and /dev/fuse"
	image=$T/disk
	limit=100
	make_image ext4 "$image" 600m
	rump cp -a "$TREE" /rump/tree
	mkdir "$T/mnt"
	fuse2fs -o ro "$image" "$T/mnt"
	# it tells whole seconds
	"$RUMP_TOP/tests/list_tree.py" -g 1 "$T/mnt/tree" >"$T/fuse" || true
	fusermount3 -u "$T/mnt"
	diff <("$RUMP_TOP/tests/list_tree.py" -g 1 "$TREE") "$T/fuse"
}
