#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The may-use table of HACKING.md, read from the #include lines.

# foreign TOP FOLDER ALLOWED...: prints the includes of TOP/FOLDER that it may not have.
# ALLOWED are folders whose headers it may use, exact names (rump/rump.h), or "libc".
foreign() {
	local top=$1 folder=$2 file line text quote name; shift 2
	grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' "$top/$folder" \
		--include='*.[chS]' --include='*.def' --include='*.in' |
	while IFS=: read -r file line text; do
		[[ $text =~ include[[:space:]]*([\<\"])([^\>\"]+)[\>\"] ]]
		quote=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
		is_allowed "$top" "$folder" "$file" "$quote" "$name" "$@" || echo "$file:$line: $name"
	done
}

is_allowed() {
	local top=$1 folder=$2 file=$3 quote=$4 name=$5 path allowed; shift 5
	if [ "$quote" = '"' ]; then
		path=$(realpath -m "$(dirname "$file")/$name")
		# a header of its own, or one that the build generates
		[[ $path == "$(realpath "$top/$folder")"/* ]] && return 0
		for allowed in "$@"; do
			[[ -f $top/$allowed && $path == "$(realpath "$top/$allowed")" ]] && return 0
			[[ -d $top/$allowed ]] || continue
			[[ $path == "$(realpath "$top/$allowed")"/* ]] && return 0
			[[ $name != *..* && -e $top/$allowed/$name ]] && return 0
		done
		# a private header of the kernel, seen from arch/rump
		path=$(dirname "$file") path=${path#"$top/$folder"}
		[[ " $* " == *" kernel "* && -e $RUMP_BUILD/rumpkernel/linux/tree/arch/rump$path/$name ]] &&
			return 0
		return 1
	fi
	for allowed in "$@"; do
		case $allowed in
		libc) [[ $name == rump/* || $name == ../* ]] || return 0 ;;
		kernel) [[ $name =~ ^(linux|asm|asm-generic|uapi|generated|net|crypto|trace|vdso|scsi|sound)/ ]] &&
			return 0 ;;
		*) [[ $name == "$allowed" ]] && return 0
		   [[ $allowed == include && -e $top/include/$name ]] && return 0
		   [[ $allowed == include && $name == rump/rump_syscalls.h ]] && return 0 ;;
		esac
	done
	return 1
}

none_foreign() {
	run foreign "$RUMP_TOP" "$@"
	echo "$output"
	[ -z "$output" ]
}

@test "config uses libc and the constants of the two contracts" {
	none_foreign config libc rump/rumpuser.h rump/rump.h
}
@test "hijack and tools use config, include and libc, hijack host" {
	none_foreign hijack config host include libc
	none_foreign tools config include rumpuser/bus_file.h libc
}
@test "rumpuser and rumpclient use config, host, include, sp, the interface of tcp and libc" {
	none_foreign rumpuser config host include sp tcp/rumpsp_tcp.h libc
	none_foreign rumpclient config host include sp tcp/rumpsp_tcp.h libc
}
@test "tcp uses config, host, include and libc; host and sp use libc" {
	none_foreign tcp config host include libc
	none_foreign host libc
	none_foreign sp libc
}
@test "the overlay uses the kernel, rumpuser.h and rump.h, never a libc header" {
	none_foreign rumpkernel/linux kernel rump/rumpuser.h rump/rump.h rump/rump_calls.h \
		rump/rump_bus.h
}
@test "public headers use libc and each other only" { none_foreign include include libc; }

@test "the check finds what is forbidden" {
	local top=$BATS_TEST_TMPDIR
	mkdir -p "$top"/{config,hijack,rumpkernel/linux/kernel,rumpuser,include/rump}
	touch "$top/rumpuser/private.h" "$top/include/rump/rump.h" "$top/config/good.h"
	printf '#include <stdio.h>\n#include "good.h"\n#include "../rumpuser/private.h"\n' >"$top/hijack/a.c"
	printf '#include <linux/fs.h>\n#include <rump/rumpuser.h>\n# include <string.h>\n' \
		>"$top/rumpkernel/linux/kernel/b.c"
	printf '#include <rump/rump_syscalls.h>\n#include "../hijack/a.h"\n' >"$top/config/c.c"
	touch "$top/hijack/a.h"
	[ "$(foreign "$top" hijack config include libc | wc -l)" = 1 ]
	[[ $(foreign "$top" rumpkernel/linux kernel rump/rumpuser.h rump/rump.h) == *"b.c:3: string.h" ]]
	[ "$(foreign "$top" config libc rump/rumpuser.h | wc -l)" = 2 ]
}
