#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Calls with one argument on either side of the border give what they give on two file systems
# of the host: each kind of descriptor with each other, in both directions.

load lib
load report

setup_file() {
	load lib
	load report
	build_report border
}

teardown_file() {
	end_report
}

teardown() {
	end_kernels
}

@test "sendfile" { reports border sendfile; }
@test "splice" { reports border splice; }
@test "tee" { reports border tee; }
@test "copy_file_range" { reports border range; }
@test "more than a pipe holds" { reports border large; }
@test "vmsplice" { reports border memory; }
@test "rename, link, FICLONE; numbers of one over those of the other" { reports border names; }

# across KERNEL: what programs do with files of both sides
across() {
	local host=$T/across-$kernel
	mkdir "$host"
	echo text >"$host/file"
	in_image "$BASH" -ec '
		host=$1
		cp "$host/file" /rump/copied
		cp --reflink=auto "$host/file" /rump/auto
		if cp --reflink=always "$host/file" /rump/always 2>/dev/null; then exit 1; fi
		ln -s "$host/file" /rump/link
		if ln "$host/file" /rump/hard 2>/dev/null; then exit 1; fi
		install -m 640 "$host/file" /rump/installed
		mv "$host/file" /rump/moved
		[ ! -e "$host/file" ]
		mv /rump/moved "$host/back"
		cat "$host/back" /rump/copied /rump/auto /rump/installed | sort | uniq -c
		stat -c %a /rump/installed
		exec 3>>/rump/copied 4>>"$host/back"
		echo rump >&3; echo host >&4
		exec 5>&3 3>&4 4>&5
		echo host >&3; echo rump >&4
		cat /rump/copied - "$host/back" </dev/null
		cat "$host/back" | tee /rump/teed | cat - /rump/teed' bash "$host" >"$T/out" 2>&1
	diff "$T/out" - <<-END
		      4 text
		640
		text
		rump
		rump
		text
		host
		host
		text
		host
		host
		text
		host
		host
	END
}

@test "cp, mv, ln, install and redirections across" {
	local kernel
	for kernel in $REPORT_KERNELS; do
		echo "kernel=$kernel"
		across
	done
}
