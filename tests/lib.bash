# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What the .bats files share:
#
#	load lib			in the .bats file
#	require mkfs.xfs xfs_repair	skip, naming what is missing; under CI fail
#	make_tree "$T/tree"		a folder with one of each kind of thing
#	make_image ext4 "$T/disk" 64m "$T/tree"
#	image=$T/disk			what the preload mounts at /
#	run rump ls -l /rump
#	run rump_with path=/rump,log=$T/log cat /rump/file
#	run prog timers			a program of tests/prog
#	check_image ext4 "$T/disk"	its own fsck finds nothing
#	same_tree "$T/tree" "$T/copy"
#
# With RUMP_TEST_KERNEL=spawn, server or tcp in the environment a .bats file's programs use
# that kernel (tests/remote_suites.bats); a test that means one kernel says so first:
#
#	needs_local "why"
#
# $T is the test's own folder.  Every program runs under a time limit, $limit seconds.

RUMP_TOP=${RUMP_TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
RUMP_BUILD=${RUMP_BUILD:-$RUMP_TOP/build}
T=${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:-}}
limit=150
# mkfs and fsck live here, which is not in every PATH
PATH=$PATH:/usr/sbin:/sbin
export RUMP_TOP RUMP_BUILD PATH

# links to what was built, as it is when it is installed
RUMP_LIBRARIES=$RUMP_BUILD/lib
LIBRUMP=$RUMP_LIBRARIES/librump.so
LIBRUMPHIJACK=$RUMP_LIBRARIES/librumphijack.so
export RUMP_MODULES=${RUMP_MODULES:-$RUMP_LIBRARIES/rump/modules}
# a kernel that warns (WARN_ON, a bad page) ends, for nobody reads the messages of most of them
export RUMP_CMDLINE=${RUMP_CMDLINE-panic_on_taint=0x220}

# ---- what is there ----

# The test cannot be made without $*.
skip_or_fail() {
	if [ "${CI:-}" = true ]; then
		echo "missing: $*" >&2
		return 1
	fi
	skip "missing: $*"
}

# require PROGRAM|FILE...: a word with a slash is a file
require() {
	local word missing=()
	for word; do
		case $word in
		*/*) [ -e "$word" ] || missing+=("$word") ;;
		*) command -v "$word" >/dev/null || missing+=("$word") ;;
		esac
	done
	[ ${#missing[@]} = 0 ] || skip_or_fail "${missing[@]}"
}

is_root() {
	[ "$(id -u)" = 0 ]
}

# ---- programs with a kernel in them ----

# a library built with -Db_sanitize=address needs its runtime before all others: its path, or
# nothing.  Asked for once; ldd is a shell, which may look up the user at its start.
export SANITIZER_RUNTIME=${SANITIZER_RUNTIME-$(ldd "$LIBRUMPHIJACK" 2>/dev/null |
	awk '/lib(clang_rt\.)?asan/ { print $3; exit }')}

# rump_with RUMPHIJACK COMMAND...: under the preload.  RUMP_TEST_KERNEL: which kernel; without
# it the one that the words and RUMP_SERVER say.  With server or tcp the command gets a
# rump_server of its own, which has what the words give a kernel to start with.
rump_with() {
	local words=$1
	shift
	case ${RUMP_TEST_KERNEL:-} in
	'') ;;
	server | tcp) with_own_server "$words" "$@"; return ;;
	*) words+=,kernel=$RUMP_TEST_KERNEL ;;
	esac
	timeout -k 5 "$limit" env RUMPHIJACK="$words" LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		LD_PRELOAD="${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$LIBRUMPHIJACK" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}" "$@"
}

# rump COMMAND...: with $image at /rump, or without one with a tmpfs
rump() {
	local words=path=/rump
	[ -z "${image:-}" ] || words+=,image=$(escape_word "$image")
	rump_with "$words" "$@"
}

# a value in RUMPHIJACK
escape_word() {
	sed 's/[\\,]/\\&/g' <<<"$1"
}

needs_local() {
	case ${RUMP_TEST_KERNEL:-local} in
	local) ;;
	# the word that tests/remote_suites.bats looks for
	*) skip "only local: $1" ;;
	esac
}

# prog NAME [ARGUMENT...]: a program of tests/prog
prog() {
	local name=$1
	shift
	require "$RUMP_BUILD/tests/prog/$name" || return
	timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$RUMP_BUILD/tests/prog/$name" "$@"
}

# shellcheck source=tests/kernels.bash
source "$RUMP_TOP/tests/kernels.bash"

# ---- folders ----

# make_tree FOLDER [plain]: one of each kind of thing; plain: what every file system can hold
make_tree() {
	local tree=$1 kind=${2:-full} n
	mkdir -p "$tree/empty folder" "$tree/a/b/c/d" "$tree/many"
	printf 'hello\n' >"$tree/hello"
	: >"$tree/empty"
	printf 'no newline' >"$tree/a/no newline"
	printf 'deep\n' >"$tree/a/b/c/d/deep"
	# content that differs in each page, not a whole number of blocks
	seq 1 200000 >"$tree/a/big"
	for n in $(seq 1 300); do
		printf '%s\n' "$n" >"$tree/many/file-$n"
	done
	chmod 700 "$tree/a/b"
	chmod 444 "$tree/hello"
	chmod 755 "$tree/a/big"
	if [ "$kind" = full ]; then
		printf 'x' >"$tree/ümläut ☃"
		printf 'x' >"$tree/$(printf 'n%.0s' {1..255})"
		truncate -s 3m "$tree/sparse"
		printf 'end' >>"$tree/sparse"
		ln -s hello "$tree/symlink"
		ln -s /nowhere "$tree/dangling"
		ln -s "$(printf 'long/%.0s' {1..40})end" "$tree/long symlink"
		ln "$tree/hello" "$tree/a/hard link"
		mkfifo -m 600 "$tree/fifo"
		chmod 1777 "$tree/empty folder"
		chmod 4755 "$tree/a/b/c/d/deep"
		if is_root; then
			chown 1234:5678 "$tree/a/big"
			mknod "$tree/null" c 1 3
		fi
	fi
	find "$tree" -depth -exec touch -h -d @1600000000 {} +
}

# list_tree FOLDER [plain]: a line for each thing with all that a copy must keep
list_tree() {
	local format='%P\t%y\t%m\t%U:%G\t%n\t%T@\t%l'
	[ "${2:-full}" = full ] || format='%P\t%y'
	(
		cd "$1" || exit
		# sizes of folders are the file system's affair
		find . -mindepth 1 ! -name lost+found -printf "$format\n" | sort
		find . -type f -printf '%P\t%s\n' | sort
		find . -type f -print0 | sort -z | xargs -0r sha256sum
	)
}

# same_tree A B [plain]
same_tree() {
	diff <(list_tree "$1" "${3:-full}") <(list_tree "$2" "${3:-full}")
}

# ---- images ----

# make_image FSTYPE FILE SIZE [FOLDER]: a file system in FILE, filled from FOLDER
make_image() {
	local type=$1 file=$2 size=$3 tree=${4:-} log=${T:-/tmp}/mkfs.log
	rm -f "$file"
	case $type in
	squashfs | iso9660)
		[ -n "$tree" ] || { tree=$(mktemp -d "${T:-/tmp}/empty.XXXXXX"); } ;;
	*) truncate -s "$size" "$file" ;;
	esac
	_make_"$type" "$file" "$tree" >"$log" 2>&1 || {
		echo "making $type in $file:" >&2
		cat "$log" >&2
		return 1
	}
}

_make_ext2() { _mke2fs ext2 "$@"; }
_make_ext3() { _mke2fs ext3 "$@"; }
_make_ext4() { _mke2fs ext4 "$@"; }

_mke2fs() {
	# no lazy initialisation: an image is finished when it is made
	mke2fs -q -F -t "$1" -E lazy_itable_init=0,lazy_journal_init=0 ${3:+-d "$3"} "$2"
}

_make_vfat() {
	mkfs.vfat "$1" || return
	[ -z "$2" ] || mcopy -smi "$1" "$2"/* ::
}

_make_exfat() {
	mkfs.exfat "$1" || return
	[ -z "$2" ] || { echo "no tool fills an exfat image: copy through /rump"; return 1; }
}

_make_xfs() {
	if [ -n "$2" ]; then
		xfs_protofile "$2" >"$1.proto" && mkfs.xfs -q -f -p "$1.proto" "$1"
	else
		mkfs.xfs -q -f "$1"
	fi
}

_make_btrfs() {
	mkfs.btrfs -q -f ${2:+--rootdir "$2"} "$1"
}

_make_squashfs() {
	mksquashfs "$2" "$1" -noappend -no-progress
}

_make_iso9660() {
	genisoimage -quiet -R -J -joliet-long -iso-level 4 -o "$1" "$2"
}

# the smallest size that mkfs takes
image_size() {
	case $1 in
	xfs) echo 320m ;;	# mkfs.xfs of xfsprogs 6 refuses less than 300 MiB
	btrfs) echo 128m ;;
	*) echo 48m ;;
	esac
}

# mkfs.xfs' description of a folder; names must be without white space
xfs_protofile() {
	printf '/\n0 0\n'
	_xfs_folder "$1" ''
}

_xfs_folder() {
	local path name mode
	printf '%sd--%03o %d %d\n' "$2" $((0$(stat -c %a "$1") & 0777)) "$(stat -c %u "$1")" \
		"$(stat -c %g "$1")"
	for path in "$1"/* "$1"/.[!.]*; do
		name=${path##*/}
		[ -L "$path" ] || [ -e "$path" ] || continue
		case $name in *[[:space:]]*) continue ;; esac
		mode=$(printf '%03o %d %d' $((0$(stat -c %a "$path") & 0777)) "$(stat -c %u "$path")" \
			"$(stat -c %g "$path")")
		if [ -L "$path" ]; then
			printf '%s l--%s %s\n' "$name" "$mode" "$(readlink "$path")"
		elif [ -d "$path" ]; then
			_xfs_folder "$path" "$name "
		elif [ -f "$path" ]; then
			printf '%s ---%s %s\n' "$name" "$mode" "$path"
		elif [ -p "$path" ]; then
			printf '%s p--%s\n' "$name" "$mode"
		fi
	done
	printf '$\n'
}

# check_image FSTYPE FILE: its own checker, which must find nothing to repair
check_image() {
	case $1 in
	ext[234]) e2fsck -fn "$2" ;;
	vfat) fsck.vfat -nv "$2" ;;
	exfat) fsck.exfat -n "$2" ;;
	xfs) xfs_repair -n "$2" ;;
	btrfs) btrfs check --readonly "$2" ;;
	squashfs) unsquashfs -q -n -d "${T:-/tmp}/unsquashed.$$" "$2" && rm -rf "${T:-/tmp}/unsquashed.$$" ;;
	iso9660) isoinfo -l -R -i "$2" >/dev/null ;;
	*) echo "no checker of $1 is known" >&2; return 2 ;;
	esac
}

# the programs that make_image and check_image need
image_tools() {
	case $1 in
	ext[234]) echo mke2fs e2fsck ;;
	vfat) echo mkfs.vfat fsck.vfat mcopy ;;
	exfat) echo mkfs.exfat fsck.exfat ;;
	xfs) echo mkfs.xfs xfs_repair ;;
	btrfs) echo mkfs.btrfs btrfs ;;
	squashfs) echo mksquashfs unsquashfs ;;
	iso9660) echo genisoimage isoinfo ;;
	esac
}

# extract_image FSTYPE FILE FOLDER: its content by host programs, without a mount
extract_image() {
	mkdir -p "$3"
	case $1 in
	ext[234]) debugfs -R "rdump / $3" "$2" 2>&1 | sed '/^debugfs /d' >&2 ;;
	vfat) mcopy -smi "$2" '::*' "$3" ;;
	btrfs) btrfs restore -xmSi "$2" "$3" >/dev/null ;;
	squashfs) unsquashfs -q -n -f -d "$3" "$2" ;;
	iso9660) xorriso -osirrox on -indev "$2" -extract / "$3" 2>/dev/null ;;
	*) echo "no tool extracts $1" >&2; return 2 ;;
	esac
}
