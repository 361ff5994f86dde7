#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What is wrong is told in one line that names the word and what would be right; the program
# goes on, and nothing is written.  Damaged images: SEEDS of each kind.

load lib
load open_libraries

SEEDS=${BAD_INPUT_SEEDS:-20}

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" mke2fs e2fsck debugfs python3
	export GOOD=$BATS_FILE_TMPDIR/good
	make_tree "$BATS_FILE_TMPDIR/tree"
	make_image ext4 "$GOOD" 16m "$BATS_FILE_TMPDIR/tree"
}

setup() {
	cd "$T"
	limit=60
}

# refused WORD...: the program saw an error (2 is what ls says), the library one line with all words
refused() {
	local line word
	echo "$status: $output"
	[ "$status" = 2 ]
	line=$(grep '^rumphijack: ' <<<"$output")
	[ "$(wc -l <<<"$line")" = 1 ]
	for word; do
		[[ $line == *"$word"* ]] || { echo "no word: $word"; return 1; }
	done
	# and the program's own, no trace of an oops
	[ "$(wc -l <<<"$output")" = 2 ]
	[[ ${lines[1]} == "ls: "* ]] || [[ ${lines[0]} == "ls: "* ]]
}

# ---- images that are none ----

@test "a missing image" {
	run rump_with path=/rump,image=none.img ls /rump
	refused none.img 'no such file'
}

@test "an image in a folder that is missing" {
	run rump_with path=/rump,image=no/none.img ls /rump
	refused no/none.img 'no such file'
}

@test "an empty image" {
	: >empty.img
	run rump_with path=/rump,image=empty.img ls /rump
	refused empty.img 'empty image'
	[ ! -s empty.img ]
}

@test "an image shorter than a sector" {
	printf short >short.img
	run rump_with path=/rump,image=short.img ls /rump
	refused short.img 'shorter than one sector'
	[ "$(cat short.img)" = short ]
}

@test "a folder as an image" {
	mkdir folder
	run rump_with path=/rump,image=folder ls /rump
	refused folder 'not a regular file or a block device'
	[ -z "$(ls -A folder)" ]
}

@test "a device that is no disk, a fifo and a socket as an image" {
	run rump_with path=/rump,image=/dev/null ls /rump
	refused /dev/null 'not a regular file or a block device'
	mkfifo fifo
	run rump_with path=/rump,image=fifo ls /rump
	refused fifo 'not a regular file or a block device'
}

@test "an image that may not be read" {
	cp "$GOOD" secret.img
	chmod 0 secret.img
	if is_root; then
		require setpriv
		chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${T%/*}" "$T"
		use_open_libraries
		run rump_with path=/rump,image=secret.img \
			setpriv --reuid=65534 --regid=65534 --clear-groups ls /rump
	else
		run rump_with path=/rump,image=secret.img ls /rump
	fi
	refused secret.img 'permission denied'
}

@test "an image of zeroes, and one of random bytes" {
	truncate -s 4m zero.img
	run rump_with path=/rump,image=zero.img ls /rump
	refused 'no file system that is known'
	cmp -n 4194304 zero.img /dev/zero
	head -c 4194304 /dev/urandom >random.img
	cp random.img before
	run rump_with path=/rump,image=random.img ls /rump
	refused 'no file system that is known'
	cmp random.img before
}

@test "a truncated image: each of several lengths" {
	local size
	for size in 1k 1536 2k 3k 8k 64k 1m 8m 15m; do
		cp "$GOOD" cut.img
		truncate -s "$size" cut.img
		cp cut.img before
		echo "$size:"
		run rump_with path=/rump,image=cut.img ls /rump
		refused RUMPHIJACK
		cmp cut.img before
	done
}

# an image that nobody may write: mounted read-only, and as it was afterwards
@test "an image in a read-only file" {
	cp "$GOOD" readonly.img
	chmod 444 readonly.img
	local as=()
	if is_root; then
		require setpriv
		chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${T%/*}" "$T"
		use_open_libraries
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	run rump_with path=/rump,image=readonly.img "${as[@]}" cat /rump/hello
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = hello ]
	run rump_with path=/rump,image=readonly.img "${as[@]}" touch /rump/new
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"Read-only file system"* ]]
	cmp readonly.img "$GOOD"
}

@test "an image that another kernel writes: the pid of its process is told" {
	cp "$GOOD" busy.img
	mkfifo in
	rump_with path=/rump,image=busy.img python3 -c '
import os, sys
open("/rump/mine", "w").close()
print(os.getpid(), flush=True)
sys.stdin.read()' <in >pid 2>&1 &
	local first=$!
	exec 9>in
	wait_until 20 [ -s pid ]
	run rump_with path=/rump,image=busy.img ls /rump
	exec 9>&-
	wait "$first"
	refused busy.img 'in use by another kernel' "locked by pid $(cat pid))"
	check_image ext4 busy.img
	# and afterwards it is free
	rump_with path=/rump,image=busy.img ls /rump/mine
}

# ---- damaged images ----

# damage IMAGE SEED OFFSET LENGTH: a few random bytes there
damage() {
	python3 - "$@" <<-'END'
		import random, sys
		image, seed, offset, length = sys.argv[1], *map(int, sys.argv[2:])
		rng = random.Random(seed)
		with open(image, "r+b") as file:
		    for _ in range(rng.choice((1, 4, 16, 64))):
		        file.seek(offset + rng.randrange(length))
		        file.write(rng.randbytes(rng.choice((1, 2, 4, 8))))
	END
}

# survives NAME: $image is mounted and gone through, or one line says why it is not; then as
# written as it was
survives() {
	cp "$image" before
	run rump_with "path=/rump,drive=key=/dev/d\\,hostpath=$image\\,ro,mount=auto /dev/d /" \
		python3 "$RUMP_TOP/tests/list_tree.py" /rump
	# list_tree ends with 1 for a file or folder that cannot be read
	if [ "$status" -gt 1 ] || grep -Eq 'Oops|BUG:|panic|Segmentation|Assertion' <<<"$output"; then
		echo "$1: status $status"
		echo "$output" | tail -30
		return 1
	fi
	if grep '^rumphijack: ' <<<"$output" >message; then
		[ "$(wc -l <message)" = 1 ]
		grep -q 'cannot boot the rump kernel: RUMPHIJACK:[0-9]*: ./*' message
		refusals=$((refusals + 1))
	fi
	cmp "$image" before
	# writing: whatever it does to a damaged image, the program lives
	run rump_with "path=/rump,image=$image" python3 -c '
import os
try:
    os.makedirs("/rump/x/y")
    open("/rump/x/f", "w").write("x" * 100000)
    os.rename("/rump/x/f", "/rump/x/g")
    os.sync()
except OSError:
    pass'
	if [ "$status" != 0 ] || grep -Eq 'Oops|BUG:|panic|Segmentation|Assertion' <<<"$output"; then
		echo "$1, writing: status $status"
		echo "$output" | tail -30
		return 1
	fi
}

# damaged WHERE OFFSET LENGTH: ext4, SEEDS times
damaged() {
	local seed
	image=$T/damaged.img refusals=0
	for seed in $(seq "$SEEDS"); do
		cp "$GOOD" "$image"
		damage "$image" "$seed" "$2" "$3"
		survives "$1, seed $seed"
	done
	echo "$refusals of $SEEDS refused"
}

# of a 16 MiB image with blocks of 1 KiB
@test "random bytes in ext4's superblock" {
	damaged superblock 1024 1024
	# most of them are caught by its checksum
	[ "$refusals" -gt $((SEEDS / 2)) ]
}

@test "random bytes in ext4's group descriptors" {
	damaged descriptors 2048 128
}

@test "random bytes in ext4's inode tables" {
	local table
	table=$(dumpe2fs "$GOOD" 2>/dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1)
	damaged inodes $((table * 1024)) $((64 * 1024))
}

# without checksums the damage gets further
@test "random bytes in the inode tables of an ext4 without checksums" {
	GOOD=$T/nosum.img
	truncate -s 16m "$GOOD"
	mke2fs -q -F -t ext4 -O ^metadata_csum -d "$BATS_FILE_TMPDIR/tree" "$GOOD"
	local table
	table=$(dumpe2fs "$GOOD" 2>/dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1)
	damaged inodes $((table * 1024)) $((64 * 1024))
}

# the other formats: in the superblock, and in the metadata near it
damaged_component() {
	local type=$1 size offset
	shift
	# shellcheck disable=SC2046
	require $(image_tools "$type") "$RUMP_MODULES/modules.index"
	refusals=0
	make_tree tree plain
	size=$(image_size "$type")
	case $type in
	xfs | exfat) make_image "$type" pristine "$size" ;;
	*) make_image "$type" pristine "$size" tree ;;
	esac
	image=$T/damaged.img
	for offset; do
		cp --sparse=always pristine "$image"
		# within the superblock, past the magic number
		damage "$image" 1 "${offset%:*}" "${offset#*:}"
		survives "$type at $offset"
	done
}

@test "random bytes in xfs" { damaged_component xfs 8:500 512:1536 65536:65536; }
@test "random bytes in btrfs" { damaged_component btrfs 65536:64 65616:3000; }
@test "random bytes in vfat" { damaged_component vfat 11:50 2048:4096; }
@test "random bytes in exfat" { damaged_component exfat 64:400 1048576:65536; }
@test "random bytes in squashfs" { damaged_component squashfs 8:88 96:400; }
@test "random bytes in iso9660" { damaged_component iso9660 32776:2000 47104:4096; }

# ---- words ----

@test "an unknown file system, with those that are known" {
	cp "$GOOD" x.img
	run rump_with 'path=/rump,drive=key=/dev/d\,hostpath=x.img,mount=nosuchfs /dev/d /' ls /rump
	refused "unknown file system 'nosuchfs'" ext4 xfs
	cmp x.img "$GOOD"
}

@test "a file system that the image does not hold" {
	cp "$GOOD" x.img
	run rump_with 'path=/rump,drive=key=/dev/d\,hostpath=x.img,mount=xfs /dev/d /' ls /rump
	refused /dev/d xfs 'not a file system of this type'
	cmp x.img "$GOOD"
}

@test "an unknown mount option" {
	cp "$GOOD" x.img
	run rump_with 'path=/rump,drive=key=/dev/d\,hostpath=x.img,mount=ext4 /dev/d / nosuchoption' \
		ls /rump
	refused /dev/d ext4
	cmp x.img "$GOOD"
}

@test "a source that is no drive" {
	run rump_with 'path=/rump,mount=ext4 /dev/nothing /' ls /rump
	refused /dev/nothing
}

@test "an unknown component, with those that are known" {
	run rump_with path=/rump,component=nosuch ls /rump
	refused "unknown component 'nosuch'" ext4 xfs btrfs
}

@test "a component whose dependency's file is missing" {
	require mkfs.xfs "$RUMP_MODULES/libcrc32c.ko"
	cp -rL "$RUMP_MODULES" modules
	rm modules/libcrc32c.ko
	RUMP_MODULES=$T/modules run rump_with path=/rump,component=xfs ls /rump
	refused "component 'xfs'" 'libcrc32c.ko is missing' RUMP_MODULES
	truncate -s 320m xfs.img
	mkfs.xfs -q xfs.img
	RUMP_MODULES=$T/modules run rump_with path=/rump,image=xfs.img ls /rump
	refused "component 'xfs'" 'libcrc32c.ko is missing' RUMP_MODULES
	# others are not hurt
	RUMP_MODULES=$T/modules rump_with path=/rump,component=vfat ls /rump
}

@test "a component whose own file is missing, is empty, is no module" {
	require "$RUMP_MODULES/xfs.ko"
	cp -rL "$RUMP_MODULES" modules
	export RUMP_MODULES=$T/modules
	rm modules/xfs.ko
	run rump_with path=/rump,component=xfs ls /rump
	refused "component 'xfs'" 'xfs.ko is missing' RUMP_MODULES
	: >modules/xfs.ko
	run rump_with path=/rump,component=xfs ls /rump
	refused "component 'xfs' does not load" 'no module of this kernel'
	head -c 10000 /dev/urandom >modules/xfs.ko
	run rump_with path=/rump,component=xfs ls /rump
	refused "component 'xfs' does not load" 'no module of this kernel'
}

@test "a folder of modules that is missing" {
	RUMP_MODULES=$T/none run rump_with path=/rump,component=xfs ls /rump
	refused 'modules.index is missing' "$T/none" RUMP_MODULES
	RUMP_MODULES=$T/none rump_with path=/rump ls /rump
}

# ---- environment ----

@test "RUMP_MEMLIMIT: words that are none" {
	local word
	for word in x 12q -1 0 1k 15m 99999999999999999999 '256m ' 2000000t; do
		RUMP_MEMLIMIT=$word run rump_with path=/rump ls /rump
		refused "RUMP_MEMLIMIT=$word" 'want a size'
	done
}

@test "memory that cannot be had" {
	export limit LIBRUMPHIJACK RUMP_LIBRARIES
	RUMP_MEMLIMIT=8g run bash -c "ulimit -v 4000000; $(declare -f rump_with)
		rump_with path=/rump ls /rump"
	refused 'cannot map 8192 MiB of memory' 'ulimit -v'
}

@test "RUMP_NCPU: words that are none" {
	local word
	for word in x 0 -1 1.5 17 99999999999 '2 2'; do
		RUMP_NCPU=$word run rump_with path=/rump ls /rump
		refused "RUMP_NCPU=$word" 'want a number from 1 to'
	done
}

@test "RUMP_CONF: missing, a folder, and with errors" {
	RUMP_CONF=none.conf run rump_with path=/rump ls /rump
	refused none.conf
	RUMP_CONF=$T run rump_with path=/rump ls /rump
	refused "$T"
	printf 'hostname a\n\nhostnam b\n' >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused "x.conf:3: " "'hostnam'" "'hostname'"
	printf 'mkdir /a\nmount ext4 /dev/x /y rw too\n' >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused "x.conf:2: " "'too'"
	printf 'drive /dev/x y.img type=blok\n' >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused "x.conf:1: " "'blok'" blk
	printf 'mkdir /a\ncomponent nosuch\n' >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused "x.conf:2: " "'nosuch'"
	printf 'mkdir /a\ndrive /dev/x none.img\n' >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused "x.conf:2: " none.img
	head -c 5000 /dev/urandom | tr '\0\n' xx >x.conf
	RUMP_CONF=x.conf run rump_with path=/rump ls /rump
	refused x.conf:1:
}

@test "RUMPHIJACK with unknown words: the program runs without; strict=yes ends it with 2" {
	local words
	for words in pth=/rump path=rump path=/ 'path=/rump,kernel=lokal' 'socket=inett' \
		'path=/rump,trap=maybe' 'path=/rump,' 'path=/rump,image=' \
		'path=/rump,strict=perhaps' "$(printf 'x%.0s' {1..5000})"; do
		echo "$words" | head -c 100
		run rump_with "$words" ls /
		echo ": $status: ${output:0:300}"
		[ "$status" = 0 ]
		[ "$(grep -c '^rumphijack: RUMPHIJACK: ' <<<"$output")" = 1 ]
		[[ $output == *usr* ]]
	done
	for words in pth=/rump,strict=yes strict=yes,path=rump; do
		run rump_with "$words" ls /
		echo "$words: $status: $output"
		[ "$status" = 2 ]
		[ "$(grep -c '^rumphijack: RUMPHIJACK: ' <<<"$output")" = 1 ]
		[ "${#lines[@]}" = 1 ]
	done
}

# ---- libraries ----

@test "librumpuser of another version" {
	mkdir lib
	cp -L "$LIBRUMPHIJACK" "$LIBRUMP" lib/
	mv lib/librump.so lib/librump.so.0
	cat >fake.c <<-'END'
		const void *rumpuser_init(int version, const void *upcalls)
		{
			(void)version, (void)upcalls;
			return 0;
		}
		const char *rumpuser_boot_error(void)
		{
			return "librumpuser has hypercall version 7, the kernel wants 1";
		}
	END
	${CC:-gcc} -shared -fPIC -Wl,-soname,librumpuser.so.0 -o lib/librumpuser.so.0 fake.c
	RUMP_LIBRARIES=$T/lib LIBRUMPHIJACK=$T/lib/librumphijack.so run rump_with path=/rump ls /rump
	refused 'version 7' 'wants 1'
}

@test "a kernel library that is missing, or is none" {
	mkdir lib
	cp -L "$LIBRUMPHIJACK" lib/
	RUMP_LIBRARIES=$T/lib LIBRUMPHIJACK=$T/lib/librumphijack.so run rump_with path=/rump ls /rump
	refused 'cannot load the rump kernel' librump.so.0
	printf 'not a library' >lib/librump.so.0
	RUMP_LIBRARIES=$T/lib LIBRUMPHIJACK=$T/lib/librumphijack.so run rump_with path=/rump ls /rump
	refused 'cannot load the rump kernel' librump.so.0
	# who never touches the rump kernel does not notice
	RUMP_LIBRARIES=$T/lib LIBRUMPHIJACK=$T/lib/librumphijack.so rump_with path=/rump ls /
}

# ---- the preload in the wrong place ----

@test "the preload given twice, by one name, by two, as a copy" {
	mkdir links copies
	ln -s "$RUMP_LIBRARIES"/* links/
	cp -L "$RUMP_LIBRARIES"/lib*.so* copies/
	local first=$LIBRUMPHIJACK second
	for second in "$LIBRUMPHIJACK" "$T/links/librumphijack.so"; do
		LIBRUMPHIJACK=$first:$second run rump_with path=/rump \
			sh -c 'echo x >/rump/tmp/x && cat /rump/tmp/x'
		echo "$second: $output"
		[ "$status" = 0 ]
		[ "$output" = x ]
	done
	LIBRUMPHIJACK=$first:$T/copies/librumphijack.so run rump_with path=/rump cat /rump/proc/sys/kernel/ostype
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "rumphijack: preloaded twice: the first one is used" ]
	[ "${lines[1]}" = Linux ]
	[ "${#lines[@]}" = 2 ]
}

# README's user, who has exported LD_PRELOAD: these have a kernel or a connection of their own
@test "rump_server, rump.ps and rump.halt under the preload, with the server's own address" {
	require "$RUMP_LIBRARIES/rump_server" "$RUMP_LIBRARIES/rump.ps" "$RUMP_LIBRARIES/rump.halt"
	local folder
	folder=$(mktemp -d /tmp/rump-test.XXXXXX)
	export RUMP_SERVER=unix://$folder/socket RUMPHIJACK=path=/rump,socket=all
	tool() {
		LD_PRELOAD=$LIBRUMPHIJACK LD_LIBRARY_PATH=$RUMP_LIBRARIES timeout -k 5 20 "$RUMP_LIBRARIES/$1" "${@:2}" 3>&-
	}
	tool rump_server --log "$folder/log" "$RUMP_SERVER"
	tool rump.ps | grep -q rump
	LD_PRELOAD=$LIBRUMPHIJACK timeout -k 5 20 ls /rump/proc >/dev/null
	tool rump.halt
	[ ! -e "$folder/socket" ]
	# a file of a rump kernel is none of the host
	run tool rump_server -d "key=/dev/x,hostpath=/rump/disk" "$RUMP_SERVER"
	echo "$output"
	[ "$status" = 2 ]
	[ "$output" = "rump_server: -d: /rump/disk: no such file or directory" ]
	rm -rf "$folder"
}

# ---- no kernel ----

# told ERRNO_TEXT WORD...: a line of the library with all words, the program's with the errno
told() {
	local line word error=$1
	shift
	echo "$status: $output"
	[ "$status" = 2 ]
	line=$(grep -E '^(rumphijack|rump_server): ' <<<"$output" | tr '\n' ' ')
	for word; do
		[[ $line == *"$word"* ]] || { echo "no word: $word"; return 1; }
	done
	[ "$(grep -cv '^rump' <<<"$output")" = 1 ]
	[[ $(grep -v '^rump' <<<"$output") == "ls: "*": $error" ]]
}

@test "a server that is missing, and one that is none" {
	RUMP_SERVER=unix://$T/none run rump_with path=/rump ls /rump
	told 'Transport endpoint is not connected' "$T/none" 'no server is there'
	RUMP_SERVER=$T/none run rump_with path=/rump ls /
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^rumphijack: RUMP_SERVER: ' <<<"$output")" = 1 ]
	RUMP_SERVER=unix://$T/none run rump_with path=/rump,strict=yes true
	[ "$status" = 0 ]
	RUMP_SERVER=$T/none run rump_with path=/rump,strict=yes true
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	run rump_with path=/rump,kernel=server,strict=yes true
	[ "$status" = 2 ]
	[[ $output == *"RUMP_SERVER is not set"* ]]
}

@test "kernel=spawn: a missing image, too little memory, a missing library, no server program" {
	export limit LIBRUMPHIJACK RUMP_LIBRARIES
	run rump_with path=/rump,kernel=spawn,image=none.img ls /rump
	told 'No such device or address' none.img 'no such file' 'no rump kernel'
	RUMP_MEMLIMIT=1m run rump_with path=/rump,kernel=spawn ls /rump
	told 'No such device or address' 'RUMP_MEMLIMIT=1m' 'at least 16m'
	RUMP_MEMLIMIT=8g run bash -c "ulimit -v 4000000; $(declare -f rump_with)
		rump_with path=/rump,kernel=spawn ls /rump"
	told 'No such device or address' 'cannot map 8192 MiB' 'ulimit -v'
	mkdir lib
	cp -L "$LIBRUMPHIJACK" lib/
	RUMP_LIBRARIES=$T/lib LIBRUMPHIJACK=$T/lib/librumphijack.so PATH=/usr/bin:/bin \
		run rump_with path=/rump,kernel=spawn ls /rump
	told 'No such file or directory' 'there is no rump_server'
	[ -z "$(ls -A "$T" | grep -vx lib)" ]
}

@test "many calls, threads and children after a boot that failed: one line each process" {
	require python3
	run rump_with path=/rump,image=none.img python3 -c '
import errno, os, threading
def fails():
    for i in range(50):
        try:
            os.stat("/rump/x")
        except OSError as error:
            assert error.errno == errno.ENXIO, error
        else:
            raise SystemExit("worked")
threads = [threading.Thread(target=fails) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(os.path.exists("/etc/passwd"))'
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^rumphijack: ' <<<"$output")" = 1 ]
	[ "${lines[-1]}" = True ]
	[ ! -e none.img ]
}
