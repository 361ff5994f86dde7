#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Each file system component on an image of its own mkfs: written through /rump, judged by
# its own fsck, read again by a second kernel and, where there is one, by a program of the host.

load lib

setup() {
	# vfat keeps local time
	export TZ=UTC0
	image=$T/disk
	require "$LIBRUMP" "$LIBRUMPHIJACK" python3
}

LIST=$RUMP_TOP/tests/list_tree.py

# source_tree FOLDER plain|full: the sizes at which blocks begin and end, and names
source_tree() {
	local tree=$1 size
	make_tree "$tree" "$2"
	mkdir "$tree/sizes"
	for size in 0 1 511 512 513 4095 4096 4097 65537 5242880; do
		head -c "$size" /dev/urandom >"$tree/sizes/$size"
	done
	# holes at the start, in the middle and at the end
	truncate -s 1m "$tree/sizes/holes"
	printf middle | dd of="$tree/sizes/holes" bs=1 seek=500000 conv=notrunc status=none
	printf x >"$tree/sizes/A longer name, of MANY words.text"
	printf x >"$tree/sizes/ünïcöde"
	find "$tree" -depth -exec touch -h -d "${3:-@1600000000.123456789}" {} +
}

# by_name FSTYPE COMMAND...: $image mounted by the name of its type, which request_module loads
by_name() {
	local words
	words="path=/rump,drive=key=/dev/disk\\,hostpath=$(escape_word "$image" | sed 's/\\/\\\\/g')"
	words+=",mount=$1 /dev/disk / ${options:-}"
	shift
	rump_with "$words" "$@"
}

# writable FSTYPE KIND FIELDS SECONDS: FIELDS that the format does not have, its grain of times
writable() {
	local type=$1 kind=$2 fields=$3 grain=$4 copy=(cp -a)
	# shellcheck disable=SC2046
	require $(image_tools "$type")
	[ "$kind" = full ] || copy=(cp -r --preserve=timestamps)
	source_tree "$T/tree" "$kind"
	"$LIST" -x "$fields" -g "$grain" "$T/tree" >"$T/want"
	make_image "$type" "$image" "$(image_size "$type" | sed 's/^48m$/96m/')"

	# the type by looking
	rump "${copy[@]}" "$T/tree" /rump/tree
	check_image "$type" "$image"
	diff "$T/want" <(rump "$LIST" -x "$fields" -g "$grain" /rump/tree)

	# the type by its name, in another kernel
	by_name "$type" "${copy[@]}" /rump/tree "$T/back"
	diff "$T/want" <("$LIST" -x "$fields" -g "$grain" "$T/back")
	check_image "$type" "$image"

	# changes: half of it goes away, something moves, something grows
	by_name "$type" rm -r /rump/tree/many /rump/tree/sizes/5242880
	by_name "$type" mv /rump/tree/sizes /rump/moved
	by_name "$type" truncate -s 2m /rump/moved/4097
	rm -r "$T/tree/many" "$T/tree/sizes/5242880"
	truncate -s 2m "$T/tree/sizes/4097"
	diff <("$LIST" -x mtime,"$fields" "$T/tree/sizes") \
		<(rump "$LIST" -x mtime,"$fields" /rump/moved)
	check_image "$type" "$image"
}

# read_by_host FSTYPE: what is left, by a program of the host
read_by_host() {
	extract_image "$1" "$image" "$T/out"
	diff <(cd "$T/tree/sizes" && sha256sum -- *) <(cd "$T/out/moved" && sha256sum -- *)
	diff <(cd "$T/tree/a" && find . -type f -print0 | sort -z | xargs -0 sha256sum) \
		<(cd "$T/out/tree/a" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

@test "ext4" {
	writable ext4 full '' 0
	read_by_host ext4
}

@test "ext3, by the driver of ext4" {
	writable ext3 full '' 1
	read_by_host ext3
}

@test "ext2, by the driver of ext4" {
	writable ext2 full '' 1
	read_by_host ext2
}

@test "xfs" {
	writable xfs full '' 0
}

@test "btrfs" {
	# a folder's own number of links is 1 there, and none of this list's affair
	writable btrfs full '' 0
	read_by_host btrfs
}

@test "vfat" {
	writable vfat plain mode,owner,links,group 2
	read_by_host vfat
}

@test "exfat" {
	writable exfat plain mode,owner,links,group 0.01
}

@test "vfat in its three widths" {
	require mkfs.vfat fsck.vfat
	local bits size
	source_tree "$T/tree" plain
	for bits in 12:8m 16:64m 32:64m; do
		rm -f "$image"
		truncate -s "${bits#*:}" "$image"
		mkfs.vfat -F "${bits%:*}" -s 1 "$image" >/dev/null || mkfs.vfat -F "${bits%:*}" "$image"
		rump cp -r "$T/tree/a" "/rump/long name of ${bits%:*} bits"
		check_image vfat "$image"
		rump cp -r "/rump/long name of ${bits%:*} bits" "$T/back$bits"
		diff -r "$T/tree/a" "$T/back$bits"
	done
}

# ---- formats that are only read ----

# read_only FSTYPE FIELDS: what the kernel shows of $image is $T/tree, and it stays so
read_only() {
	local sum
	sum=$(sha256sum <"$image")
	diff <("$LIST" -x "$2" "$T/tree") <(rump "$LIST" -x "$2" /rump)
	diff <(cd "$T/tree" && find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l\n' | sort) \
		<(by_name "$1" find /rump -mindepth 1 -printf '%P %y %m %U:%G %T@ %l\n' | sort)
	rump diff -r --no-dereference -x fifo -x null -x dangling "$T/tree" /rump
	run rump touch /rump/new
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"Read-only file system"* ]]
	[ "$(sha256sum <"$image")" = "$sum" ]
}

# squashfs COMPRESSOR
squashfs() {
	require mksquashfs
	source_tree "$T/tree" full @1600000000
	setfattr -n user.rump -v one "$T/tree/empty" || setfattr -n trusted.rump -v one "$T/tree/empty"
	mksquashfs "$T/tree" "$image" -comp "$1" -noappend -no-progress -quiet
	read_only squashfs ''
	check_image squashfs "$image"
}

@test "squashfs, zlib" { squashfs gzip; }
@test "squashfs, xz" { squashfs xz; }
@test "squashfs, zstd" { squashfs zstd; }
@test "squashfs, lz4" { squashfs lz4; }
@test "squashfs, lzo" { squashfs lzo; }

@test "squashfs in a compressor that the kernel has not is a clear error" {
	needs_local "the boot's error is the server's, see tests/server.bats"
	require mksquashfs
	source_tree "$T/tree" plain
	mksquashfs "$T/tree" "$image" -comp lzma -noappend -no-progress -quiet
	run rump ls /rump
	echo "$output"
	[ "$status" = 2 ]
	grep -q '^rumphijack: cannot boot the rump kernel: .*squashfs' <<<"$output"
}

iso_tree() {
	source_tree "$T/tree" full @1600000000
	# Rock Ridge has 255 bytes for a name, but the programs do not write that many
	find "$T/tree" -name 'nnnn*' -delete
	find "$T/tree" -depth -exec touch -h -d @1600000000 {} +
}

# the names and bytes, without Rock Ridge's modes, owners and links: of Joliet
joliet() {
	local names
	options=norock
	mapfile -d '' -t names < <(cd "$T/tree" && find . -type f -printf '%P\0' | sort -z)
	diff <(cd "$T/tree" && find . -type f -print0 | sort -z | xargs -0 sha256sum) \
		<(rump_with "path=/rump,$(iso_words)" sha256sum "${names[@]/#//rump/}" | sed 's,/rump/,./,')
}

iso_words() {
	echo "drive=key=/dev/disk\\,hostpath=$image,mount=iso9660 /dev/disk / norock"
}

@test "iso9660 of genisoimage: Rock Ridge and Joliet" {
	require genisoimage isoinfo
	iso_tree
	# Debian's knows no UTF-8, and has other names for these in Joliet
	rm "$T/tree/ümläut ☃" "$T/tree/sizes/ünïcöde"
	touch -d @1600000000 "$T/tree" "$T/tree/sizes"
	genisoimage -quiet -R -J -joliet-long -iso-level 4 -cache-inodes -o "$image" "$T/tree"
	read_only iso9660 links,group
	check_image iso9660 "$image"
	joliet
}

@test "iso9660 of xorriso: Rock Ridge and Joliet" {
	require xorriso isoinfo
	iso_tree
	xorriso -as mkisofs -quiet -R -J -joliet-long -iso-level 4 -o "$image" "$T/tree"
	read_only iso9660 links,group
	joliet
}

@test "iso9660 without extensions: names of eight and three letters" {
	require genisoimage
	mkdir -p "$T/tree/folder"
	printf one >"$T/tree/folder/file.txt"
	genisoimage -quiet -iso-level 1 -o "$image" "$T/tree"
	[ "$(rump find /rump -printf '%P %y\n' | sort)" = $' d\nfolder d\nfolder/file.txt f' ]
	[ "$(rump cat /rump/folder/file.txt)" = one ]
}

# ---- ways to load ----

# modules CONF COMMAND...: with rump.conf of one line, or several
modules_of() {
	printf '%b\n' "$1" >"$T/rump.conf"
	shift
	rump_with "path=/rump,conf=$(escape_word "$T/rump.conf")" "$@"
}

@test "component NAME in rump.conf, with all that it needs; lsmod's file tells" {
	local name modules module loaded
	while read -r _ name modules; do
		[ -n "$modules" ] && [ "$name" != bench ] || continue
		loaded=$(modules_of "component $name" cat /rump/proc/modules)
		for module in $modules; do
			echo "$name: $module"
			grep -q "^${module//-/_} [1-9][0-9]* [0-9]* .* Live 0x" <<<"$loaded"
		done
	done < <(grep '^component ' "$RUMP_MODULES/modules.index")
	[ -n "$loaded" ]
	# btrfs has the most dependencies; each is named as used by it
	loaded=$(modules_of 'component btrfs' cat /rump/proc/modules)
	grep -Eq '^(xor|raid6_pq) .*btrfs' <<<"$loaded"
}

@test "without a component nothing is loaded" {
	[ -z "$(rump cat /rump/proc/modules)" ]
}

@test "two components at once, and one twice" {
	local loaded
	loaded=$(modules_of 'component xfs\ncomponent vfat\ncomponent xfs\ncomponent vfat' \
		cat /rump/proc/modules)
	echo "$loaded"
	[ "$(grep -c '^xfs ' <<<"$loaded")" = 1 ]
	[ "$(grep -c '^vfat ' <<<"$loaded")" = 1 ]
	[ "$(grep -c '^fat ' <<<"$loaded")" = 1 ]
	loaded=$(rump_with path=/rump,component=xfs,component=btrfs,component=xfs \
		cat /rump/proc/filesystems)
	grep -qx $'\txfs' <<<"$loaded"
	grep -qx $'\tbtrfs' <<<"$loaded"
}

@test "a module by its own name" {
	modules_of 'component nls_cp437' cat /rump/proc/modules | grep -q '^nls_cp437 '
}

@test "two file systems of two components, mounted at once: a copy from one to the other" {
	require mksquashfs mkfs.vfat fsck.vfat
	source_tree "$T/tree" plain
	mksquashfs "$T/tree" "$T/squash" -noappend -no-progress -quiet
	make_image vfat "$T/fat" 64m
	cat >"$T/both.conf" <<-END
		drive /dev/a squash ro
		drive /dev/b fat
		mount auto /dev/a /a
		mount vfat /dev/b /b
	END
	rump_with "path=/rump,conf=$T/both.conf" cp -r /rump/a /rump/b/copy
	check_image vfat "$T/fat"
	mcopy -smi "$T/fat" ::copy "$T/out"
	diff -r "$T/tree" "$T/out"
}

@test "a carrier library, preloaded before the program's first call" {
	local loaded
	loaded=$(LD_PRELOAD_MORE=$RUMP_LIBRARIES/librumpfs_xfs.so preloaded_with cat /rump/proc/modules)
	grep -q '^xfs ' <<<"$loaded"
	[ "$(grep -c . <<<"$loaded")" -ge 2 ]	# and libcrc32c
}

preloaded_with() {
	timeout -k 5 "$limit" env RUMPHIJACK=path=/rump LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		LD_PRELOAD="$LD_PRELOAD_MORE:$LIBRUMPHIJACK" "$@"
}

# a program that has the kernel linked, and shows its modules
build_linked() {
	cat >"$T/p.c" <<-'END'
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/syscall.h>
		#include <rump/rump.h>
		static void modules(void)
		{
			char text[8192];
			long fd = rump_syscall(SYS_openat, AT_FDCWD, (long)"/proc/modules", 0, 0, 0, 0);
			long n = rump_syscall(SYS_read, fd, (long)text, sizeof(text), 0, 0, 0);

			printf("%.*s--\n", n < 0 ? 0 : (int)n, text);
			rump_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
		}
		int main(int argc, char **argv)
		{
			if (rump_init())
				return fprintf(stderr, "%s\n", rump_boot_error()), 1;
			modules();
			for (int i = 1; i < argc; i++) {
				if (strchr(argv[i], '/') ? !dlopen(argv[i], RTLD_NOW)
							 : rump_pub_component_load(argv[i]))
					printf("not loaded: %s\n", argv[i]);
				modules();
			}
			return 0;
		}
	END
	${CC:-gcc} -I"$RUMP_TOP/include" -o "$T/p" "$T/p.c" -L"$RUMP_LIBRARIES" \
		-Wl,-rpath,"$RUMP_LIBRARIES" -Wl,--no-as-needed "$@" -lrump -lrumpuser -ldl
}

@test "a carrier library, linked: -lrumpfs_xfs" {
	build_linked -lrumpfs_xfs
	run timeout -k 5 60 "$T/p"
	echo "$output"
	[ "$status" = 0 ]
	grep -q '^xfs ' <<<"$output"
}

@test "after boot: a carrier by dlopen, a component by rump_pub_component_load, twice, unknown" {
	build_linked
	run timeout -k 5 60 "$T/p" "$RUMP_LIBRARIES/librumpfs_xfs.so" xfs squashfs squashfs nonesuch
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = -- ]
	[ "$(grep -c '^not loaded: ' <<<"$output")" = 1 ]
	[[ $output == *"not loaded: nonesuch"* ]]
	# of the six pictures the first is empty, five have xfs, and three of them squashfs
	[ "$(grep -c '^xfs ' <<<"$output")" = 5 ]
	[ "$(grep -c '^squashfs ' <<<"$output")" = 3 ]
}

@test "a module is removed and loaded again: rmmod's call" {
	run modules_of 'component vfat\ncomponent xfs' python3 - <<-'END'
		import ctypes, os
		libc = ctypes.CDLL(None, use_errno=True)
		names = lambda: {line.split()[0] for line in open("/rump/proc/modules")}
		print(sorted(names()))
	END
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"'vfat'"*"'xfs'"* ]]
}
