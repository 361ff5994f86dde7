#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel build: what a wrong source gets, and that nothing is made twice.
# alone

setup() {
	driver=$RUMP_TOP/rumpkernel/build/kernel.py
	work=$BATS_TEST_TMPDIR/work
}

# options of the configured build, as the driver takes them
configured() {
	meson introspect --buildoptions "$RUMP_BUILD" | python3 -c '
import json, sys
options = {option["name"]: option["value"] for option in json.load(sys.stdin)}
print("--source", options["linux_source"] or "/usr/src/linux-source-6.12.tar.xz")
print("--components", ",".join(options["components"]) or "none")
print("--compiler", options["kernel_compiler"])
if options["kernel_debug"]:
    print("--debug")'
}

# a folder that looks like a Linux tree of version $1.$2
fake_tree() {
	local uapi=$3/arch/x86/include/uapi/asm name
	mkdir -p "$3/fs" "$uapi"
	# what the overlay takes from the tree
	for name in $(cd "$RUMP_TOP/rumpkernel/build" &&
		python3 -B -c 'import overlay; print(*overlay.X86_UAPI)'); do
		touch "$uapi/$name"
	done
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 9\n' "$1" "$2" >"$3/Makefile"
}

# run the driver: it must fail with one line that holds each argument
fails_with() {
	local word
	echo "status $status: $output"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	for word in "$@"; do
		[[ $output == *"$word"* ]]
	done
}

@test "a missing source: the error names the package" {
	run "$driver" check --work "$work" --source /nonexistent/linux.tar.xz
	fails_with /nonexistent/linux.tar.xz "apt-get install linux-source-6.12"
	run meson setup "$BATS_TEST_TMPDIR/b" "$RUMP_TOP" -Dlinux_source=/nonexistent/linux.tar.xz
	[ "$status" -ne 0 ]
	[[ $output == *"apt-get install linux-source-6.12"* ]]
}

@test "a tree of another version is refused" {
	fake_tree 6 1 "$BATS_TEST_TMPDIR/linux"
	run "$driver" check --work "$work" --source "$BATS_TEST_TMPDIR/linux"
	fails_with "Linux 6.1" "6.12 is needed" "apt-get install linux-source-6.12"
}

@test "a tarball of another version is refused and leaves nothing" {
	fake_tree 5 10 "$BATS_TEST_TMPDIR/linux-5.10"
	tar -C "$BATS_TEST_TMPDIR" -cJf "$BATS_TEST_TMPDIR/other.tar.xz" linux-5.10
	run "$driver" image --work "$work" --source "$BATS_TEST_TMPDIR/other.tar.xz" --output "$work/x"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"Linux 5.10"*"6.12 is needed"* ]]
	[ ! -e "$work/unpacked" ]
}

@test "a folder, a file and a tarball that are no Linux source are refused" {
	run "$driver" check --work "$work" --source "$RUMP_TOP/include"
	fails_with "not a Linux source tree"
	run "$driver" check --work "$work" --source "$RUMP_TOP/README.md"
	fails_with "not a tarball"
	tar -C "$RUMP_TOP" -czf "$BATS_TEST_TMPDIR/some.tar.gz" include
	run "$driver" tree --work "$work" --source "$BATS_TEST_TMPDIR/some.tar.gz"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"holds no Linux source tree"* ]]
}

@test "a truncated tarball is told and leaves no half tree" {
	fake_tree 6 12 "$BATS_TEST_TMPDIR/linux"
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/linux/zzz"
	tar -C "$BATS_TEST_TMPDIR" --sort=name -czf "$BATS_TEST_TMPDIR/whole.tar.gz" linux
	head -c 1000000 "$BATS_TEST_TMPDIR/whole.tar.gz" >"$BATS_TEST_TMPDIR/half.tar.gz"
	run "$driver" tree --work "$work" --source "$BATS_TEST_TMPDIR/half.tar.gz"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"cannot be unpacked"* ]]
	[ ! -e "$work/unpacked" ]
}

@test "a tree that something was built in is refused" {
	fake_tree 6 12 "$BATS_TEST_TMPDIR/linux"
	touch "$BATS_TEST_TMPDIR/linux/.config"
	run "$driver" check --work "$work" --source "$BATS_TEST_TMPDIR/linux"
	fails_with "mrproper"
}

@test "an unknown component is refused and the known ones are listed" {
	run "$driver" check --work "$work" --components xfs,zfs
	fails_with "zfs: no such component" vfat btrfs
}

@test "a directory as the source is used by links and never written to" {
	fake_tree 6 12 "$BATS_TEST_TMPDIR/linux"
	chmod -R a-w "$BATS_TEST_TMPDIR/linux"
	local before tree
	before=$(cd "$BATS_TEST_TMPDIR/linux" && find . -printf '%p %s %T@ %C@\n' | sort)
	"$driver" tree --work "$work" --source "$BATS_TEST_TMPDIR/linux"
	tree=$work/tree
	[ "$before" = "$(cd "$BATS_TEST_TMPDIR/linux" && find . -printf '%p %s %T@ %C@\n' | sort)" ]
	[ "$(readlink "$tree/fs")" = "$BATS_TEST_TMPDIR/linux/fs" ]
	[ "$(readlink "$tree/arch/x86")" = "$BATS_TEST_TMPDIR/linux/arch/x86" ]
	cmp "$tree/arch/rump/Makefile" "$RUMP_TOP/rumpkernel/linux/Makefile"
	[ ! -L "$tree/arch/rump" ]
	chmod -R u+w "$BATS_TEST_TMPDIR/linux"
}

@test "the overlay is laid by content: unchanged files keep their time, old ones go" {
	fake_tree 6 12 "$BATS_TEST_TMPDIR/linux"
	mkdir -p "$BATS_TEST_TMPDIR/overlay/kernel"
	echo one >"$BATS_TEST_TMPDIR/overlay/kernel/a.c"
	echo two >"$BATS_TEST_TMPDIR/overlay/kernel/b.c"
	lay() {
		"$driver" tree --work "$work" --source "$BATS_TEST_TMPDIR/linux" \
			--overlay "$BATS_TEST_TMPDIR/overlay"
	}
	local kernel=$work/tree/arch/rump/kernel a
	lay
	a=$(stat -c %y "$kernel/a.c")
	touch "$BATS_TEST_TMPDIR/overlay/kernel/a.c"
	rm "$BATS_TEST_TMPDIR/overlay/kernel/b.c"
	echo three >"$BATS_TEST_TMPDIR/overlay/kernel/c.c"
	lay
	[ "$a" = "$(stat -c %y "$kernel/a.c")" ]
	[ ! -e "$kernel/b.c" ]
	[ "$(cat "$kernel/c.c")" = three ]
}

@test "a built tree has nothing left to do" {
	run ninja -C "$RUMP_BUILD"
	echo "$output"
	[[ $output == *"no work to do"* ]]
}

@test "touching host code does not run the kernel build; touching the overlay does" {
	local host overlay
	host=$(ls "$RUMP_TOP"/rumpuser/*.c | head -n 1)
	overlay=$RUMP_TOP/rumpkernel/linux/Kbuild
	touch "$host"
	run ninja -n -v -C "$RUMP_BUILD"
	[[ $output == *"$(basename "$host")"* ]]
	[[ $output != *kernel.py* ]]
	ninja -C "$RUMP_BUILD"
	touch "$overlay"
	run ninja -n -v -C "$RUMP_BUILD"
	[[ $output == *kernel.py*image* ]]
	ninja -C "$RUMP_BUILD"
	run ninja -C "$RUMP_BUILD"
	[[ $output == *"no work to do"* ]]
}

@test "a changed file of the overlay is compiled, no other, and the image is linked" {
	cp -a "$RUMP_TOP/rumpkernel/linux" "$BATS_TEST_TMPDIR/overlay"
	local changed objects log
	changed=$(cd "$BATS_TEST_TMPDIR/overlay" && ls kernel/*.c | grep -v asm-offsets | head -n 1)
	echo "/* $RANDOM */" >>"$BATS_TEST_TMPDIR/overlay/$changed"
	build() {
		# shellcheck disable=SC2046 -- a list of words
		"$driver" image --work "$RUMP_BUILD/rumpkernel/linux" $(configured) \
			--output "$BATS_TEST_TMPDIR/out/librump.so.0.0" --overlay "$1"
	}
	mkdir "$BATS_TEST_TMPDIR/out"
	build "$RUMP_TOP/rumpkernel/linux"
	build "$BATS_TEST_TMPDIR/overlay"
	objects=$(ls -td "$RUMP_BUILD"/rumpkernel/linux/obj* | head -n 1)
	log=$(grep -E '^ +(CC|AS) ' "$objects/image.log")
	# back as it was before anything is judged
	build "$RUMP_TOP/rumpkernel/linux"
	echo "$log"
	# the list of symbols and the version banner belong to every link
	log=$(grep -vE 'kallsyms|init/version|\.version|vmlinux' <<<"$log")
	[ "$log" = "  CC      arch/rump/${changed%.c}.o" ]
}
