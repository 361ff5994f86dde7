#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# modules.index against what kmod's own depmod and modinfo say of the same files.

setup_file() {
	export MODULES=$RUMP_BUILD/rumpkernel/rump/modules
	export INDEX=$MODULES/modules.index
	export STAGE=$BATS_FILE_TMPDIR/stage
	mkdir -p "$STAGE/lib/modules/6.12.0"
	cp "$MODULES"/*.ko "$STAGE/lib/modules/6.12.0"
	/sbin/depmod -b "$STAGE" 6.12.0
}

setup() {
	[ -n "$(ls "$MODULES"/*.ko)" ] || skip "this build has no modules"
}

# kinds of a module's own soft dependencies, resolved by kmod's alias table
soft() {
	/sbin/modinfo -F softdep "$MODULES/$1.ko" | sed 's/^pre: *//'
}

@test "the index names each module file once, after all that it needs" {
	[ "$(awk '$1 == "module" {print $3}' "$INDEX" | sort)" = "$(cd "$MODULES" && ls *.ko)" ]
	run awk '
		$1 == "module" {
			for (i = 4; i <= NF; i++)
				if (!($i in seen))
					print $2 " comes before " $i
			seen[$2] = 1
		}' "$INDEX"
	echo "$output"
	[ -z "$output" ]
}

@test "a module's list holds what depmod finds, and beyond it only soft dependencies" {
	local name file needed index_list depmod_list extra
	while read -r _ name file needed; do
		depmod_list=$(sed -n "s/^$file: *//p" "$STAGE/lib/modules/6.12.0/modules.dep" | tr ' ' '\n' |
			sed 's/\.ko$//;/^$/d' | tr - _ | sort)
		index_list=$(tr ' ' '\n' <<<"$needed" | sed '/^$/d' | sort)
		[ -z "$(comm -13 <(echo "$index_list") <(echo "$depmod_list") | sed '/^$/d')" ]
		extra=$(comm -23 <(echo "$index_list") <(echo "$depmod_list") | sed '/^$/d')
		[ -z "$extra" ] || [ "$name" = btrfs ] || [ -n "$(soft "$name")" ]
	done < <(grep '^module ' "$INDEX")
}

@test "the soft dependencies of btrfs come before it" {
	grep -q '^module btrfs ' "$INDEX" || skip "btrfs is not among the components of this build"
	local line
	line=$(grep '^module btrfs ' "$INDEX")
	for module in xxhash_generic sha256_generic blake2b_generic libcrc32c raid6_pq xor; do
		[[ $line == *" $module"* ]]
	done
}

@test "the aliases are depmod's, and three of ours" {
	diff <(sed -n 's/^alias //p' "$INDEX" | grep -vxE '(net-pf-16-proto-16-family-fou fou|rtnl-link-ip6(tnl|gre) fou6)' | tr - _ | sort -u) \
		<(sed -n 's/^alias //p' "$STAGE/lib/modules/6.12.0/modules.alias" | tr - _ | sort -u)
}

@test "every component of the build is in the index with modules that exist" {
	local name modules module
	while read -r _ name modules; do
		for module in $modules; do
			[ -f "$MODULES/$module.ko" ]
		done
		grep -q "^magic .* " "$INDEX"
	done < <(grep '^component ' "$INDEX")
	grep -qx 'component ext4' "$INDEX"
}

@test "the magic numbers are those that mkfs writes" {
	local image=$BATS_TEST_TMPDIR/image fstype command
	type_of() {
		local offset content
		while read -r _ fstype offset content; do
			if [ "$(dd if="$1" bs=1 skip="$offset" count=$((${#content} / 2)) status=none |
				od -An -v -tx1 | tr -d ' \n')" = "$content" ]; then
				echo "$fstype"
				return
			fi
		done < <(grep '^magic ' "$INDEX")
	}
	while read -r fstype command; do
		grep -q "^magic $fstype " "$INDEX" || continue
		rm -f "$image"
		truncate -s 320M "$image"
		PATH=$PATH:/sbin:/usr/sbin eval "$command" >/dev/null
		echo "$command: $(type_of "$image")"
		[ "$(type_of "$image")" = "$fstype" ]
	done <<-'END'
		ext4 mke2fs -q -t ext4 "$image"
		ext4 mke2fs -q -t ext2 "$image"
		xfs mkfs.xfs -q "$image"
		btrfs mkfs.btrfs -q "$image"
		exfat mkfs.exfat "$image"
		vfat truncate -s 8M "$image"; mkfs.vfat -F 12 "$image"
		vfat mkfs.vfat -F 16 "$image"
		vfat mkfs.vfat -F 32 "$image"
		squashfs mksquashfs "$RUMP_TOP/include" "$image" -noappend
		iso9660 genisoimage -quiet -o "$image" "$RUMP_TOP/include"
	END
}

@test "the manual names every component and every alias" {
	local name
	for name in $(sed -n 's/^component \([^ ]*\).*/\1/p' "$INDEX"); do
		echo "$name"
		grep -qE "^\.(It )?Cm (.* )?$name( |\$)" "$RUMP_TOP/man/rump_components.7"
	done
}

@test "a carrier registers its component's name, before main" {
	local name carrier
	cat >"$BATS_TEST_TMPDIR/p.c" <<-'END'
		#include <stdio.h>
		void rumpuser_component_add(const char *name) { printf("<%s>\n", name); }
		int main(void) { puts("main"); return 0; }
	END
	gcc -rdynamic -o "$BATS_TEST_TMPDIR/p" "$BATS_TEST_TMPDIR/p.c"
	for name in $(sed -n 's/^component \([^ ]*\).*/\1/p' "$INDEX"); do
		# exactly one faction has it
		carrier=$(ls "$RUMP_BUILD"/rumpkernel/components/librump{fs,net,dev}_"$name".so 2>/dev/null || :)
		[ "$(wc -l <<<"$carrier")" = 1 ]
		run env LD_PRELOAD="$carrier.0" \
			LD_LIBRARY_PATH="$RUMP_BUILD/rumpuser" "$BATS_TEST_TMPDIR/p"
		echo "$output"
		[ "$output" = "<$name>"$'\n'main ]
		run nm -D --defined-only "$carrier"
		[ -z "$output" ]
	done
}
