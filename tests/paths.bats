#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Paths of all kinds: what programs see below /rump is what they see on the host.

load lib
load report

setup_file() {
	load lib
	load report
	build_report paths sockpaths watches
}

teardown_file() {
	end_report
}

teardown() {
	end_kernels
}

@test "the working directory" { reports paths directory; }
@test "directories as arguments, O_PATH, O_TMPFILE" { reports paths relative; }
@test "openat2" { reports paths resolve; }
@test "names: long ones, dots, slashes, symlinks, realpath" { reports paths names; }
@test "symlinks with absolute targets, in the rump kernel and on the host" { reports paths links; }
@test "nftw, fts, glob, scandir, wordexp, temporary files" { reports paths walks; }
@test "attributes, times, sizes, modes" { needs_root; reports paths attributes; }
@test "/proc/self/fd, /dev/fd, /dev/stdin, /proc/self/cwd" { reports paths numbers; }
@test "handles" { needs_root; needs_host_ext4; reports paths handles; }

@test "AF_UNIX: streams" { reports sockpaths stream; }
@test "AF_UNIX: datagrams" { reports sockpaths datagram; }
@test "AF_UNIX: between processes, with descriptors" { reports sockpaths processes; }

@test "inotify" { reports watches one_side; }
@test "inotify on both sides, the host's watch first" { reports watches host_first; }
@test "inotify on both sides, the rump kernel's watch first" { reports watches rump_first; }
@test "fanotify" { needs_root; reports watches files; }

@test "scripts of the host whose interpreter lies in the rump kernel" {
	printf '#!/rump/interpreter argument\n' >"$T/script"
	printf '#!%s\n' "$T/script" >"$T/second"
	printf '#!/rump/none\n' >"$T/none"
	chmod +x "$T"/{script,second,none}
	each "$BASH" -ec 'cp /bin/echo /rump/interpreter
		[ "$("$1/script" a b)" = "argument $1/script a b" ]
		[ "$(env "$1/second" c)" = "argument $1/script $1/second c" ]
		if "$1/none" 2>/dev/null; then exit 1; fi
		printf "#!/bin/sh\necho \$0 \$*\n" >/rump/interpreter
		[ "$("$1/script" d)" = "/rump/interpreter argument $1/script d" ]' bash "$T"
}

@test "a relative RUMP_CONF of a private server" {
	echo 'mkdir /made' >"$T/conf"
	cd "$T"
	RUMP_CONF=conf rump_with path=/rump,kernel=spawn "$BASH" -ec 'cd /; [ -d /rump/made ]'
}
