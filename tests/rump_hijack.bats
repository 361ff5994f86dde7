#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rump_hijack: commands that it runs, and what it tells of programs.

load lib

setup_file() {
	load lib
	export TOOL=$RUMP_LIBRARIES/rump_hijack
	require "$TOOL" "$LIBRUMP" "$LIBRUMPHIJACK" "${CC:-gcc}"
	echo 'int main(void) { return 0; }' >"$BATS_FILE_TMPDIR/empty.c"
	export EMPTY=$BATS_FILE_TMPDIR/empty
	${CC:-gcc} -o "$EMPTY" "$EMPTY.c"
}

setup() {
	cd "$T"
}

hijack() {
	timeout -k 5 "$limit" env -u RUMPHIJACK -u LD_PRELOAD "$TOOL" "$@"
}

# finds STATUS LINE PROGRAM...: check says that one line; "" none
finds() {
	local want=$1 line=$2
	shift 2
	run hijack check "$@"
	# of the machine that the tests run on
	output=$(grep -v '^note: ' <<<"$output" || :)
	echo "$status: $output"
	[ "$status" = "$want" ]
	[ "$output" = "$line" ]
}

# ---- running ----

@test "a command sees the rump kernel; its status is the tool's" {
	[ "$(hijack cat /rump/proc/sys/kernel/ostype)" = Linux ]
	run hijack sh -c 'echo x >/rump/tmp/x && test ! -e /rump/none && exit 37'
	[ "$status" = 37 ]
	run hijack sh -c 'kill -TERM $$'
	[ "$status" = 143 ]
}

@test "words are handed over, several with commas between" {
	[ "$(hijack -o blanket=/nowhere -o log="$T/log" sh -c 'echo "$RUMPHIJACK"')" = \
		"blanket=/nowhere,log=$T/log" ]
	hijack -o path=/elsewhere -o "log=$T/log" stat /elsewhere/proc >/dev/null
	grep -q '/elsewhere/proc' "$T/log"
	# the variable stays as it is
	[ "$(timeout 20 env RUMPHIJACK=path=/r "$TOOL" ls /r/proc/sys/kernel/ostype)" = \
		/r/proc/sys/kernel/ostype ]
}

@test "LD_PRELOAD keeps what is in it, and has the library once" {
	local list
	[ "$(env -u LD_PRELOAD "$TOOL" sh -c 'echo "$LD_PRELOAD"')" = "$RUMP_LIBRARIES/librumphijack.so" ]
	cp "$(ldconfig -p | awk '/libm\.so\.6 .*x86-64/ { print $NF; exit }')" other.so
	list=$(env LD_PRELOAD="$T/other.so" "$TOOL" "$TOOL" sh -c 'echo "$LD_PRELOAD"')
	echo "$list"
	[ "$list" = "$T/other.so:$RUMP_LIBRARIES/librumphijack.so" ]
}

@test "wrong words and options: one line that names them, status 2" {
	run hijack -o pth=/rump true
	echo "$output"
	[ "$status" = 2 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == "rump_hijack: at 1: unknown word 'pth'"* ]]
	run hijack --nonsense
	[ "$status" = 2 ]
	run hijack
	[ "$status" = 2 ]
	run hijack check
	[ "$status" = 2 ]
}

@test "--help and --version" {
	hijack --help | grep -q 'check PROGRAM'
	[[ $(hijack --version) =~ ^rump_hijack\ [0-9]+\.[0-9]+$ ]]
}

@test "a command that cannot be executed: 126, or 127, and one line" {
	status=0
	output=$(hijack nosuchcommand 2>&1) || status=$?
	echo "$output"
	[ "$status" = 127 ]
	[ "$output" = "rump_hijack: nosuchcommand: No such file or directory" ]
	echo text >notexecutable
	run hijack ./notexecutable
	echo "$output"
	[ "$status" = 126 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *notexecutable* ]]
}

@test "a command that cannot be hijacked is told, and runs" {
	${CC:-gcc} -static -o static -x c - <<<'#include <stdio.h>
		int main(void) { puts("ran"); return 5; }'
	run hijack ./static
	echo "$output"
	[ "$status" = 5 ]
	[ "${lines[0]}" = "rump_hijack: ./static: statically linked: no library can be preloaded" ]
	[ "${lines[1]}" = ran ]
}

@test "a command with the name check" {
	printf '#!/bin/sh\necho ran\n' >check
	chmod +x check
	[ "$(PATH=$T:$PATH hijack -- check)" = ran ]
}

# ---- checking ----

@test "check: what is seen wholly has no line" {
	finds 0 '' "$EMPTY" ls sh python3
}

@test "check: static, and Go without cgo" {
	${CC:-gcc} -static -o static "$EMPTY.c"
	${CC:-gcc} -static-pie -o staticpie "$EMPTY.c"
	finds 1 './static: statically linked: no library can be preloaded' ./static
	finds 1 './staticpie: statically linked: no library can be preloaded' ./staticpie
	require go
	# one of the network
	cp "$RUMP_TOP/tests/prog/go_http.go" main.go
	HOME=$T GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=0 go build -o gobinary main.go
	run hijack check ./gobinary
	[ "$status" = 1 ]
	[[ $output == *"./gobinary: a Go program without cgo, statically linked: "* ]]
}

@test "check: privileges that make the loader ignore LD_PRELOAD" {
	is_root || skip_or_fail root
	require setpriv setcap
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${T%/*}" "$T"
	cp "$EMPTY" setuid
	chmod 4755 setuid
	cp "$EMPTY" setgid
	chmod 2755 setgid
	cp "$EMPTY" able
	setcap cap_net_raw+ep able
	# to root the first two give nothing, and the loader looks at capabilities alone
	finds 0 '' ./setuid ./setgid ./able
	load open_libraries
	RUMP_LIBRARIES=$T/lib
	open_libraries "$RUMP_LIBRARIES"
	cp -L "$TOOL" "$RUMP_LIBRARIES/rump_hijack"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$RUMP_LIBRARIES/rump_hijack" \
		check ./setuid ./setgid ./able
	echo "$output"
	[ "$status" = 1 ]
	diff - <(grep -v '^note: ' <<<"$output") <<-'END'
		./setuid: set-user-id: its loader ignores LD_PRELOAD
		./setgid: set-group-id: its loader ignores LD_PRELOAD
		./able: has file capabilities: its loader ignores LD_PRELOAD
	END
}

@test "check: scripts, by their interpreters" {
	${CC:-gcc} -static -o static "$EMPTY.c"
	printf '#!%s\n' "$T/static" >script
	printf '#! %s -x\n' "$T/script" >second
	printf '#!/usr/bin/env -S %s\n' "$T/static" >env1
	printf '#!/usr/bin/env %s x\n' "$T/static" >env2
	printf '#!/usr/bin/env python3\n' >env3
	printf '#!/nowhere/sh\n' >none
	printf 'echo a script without a first line\n' >plain
	chmod +x script second env1 env2 env3 none plain
	finds 1 "$T/static: statically linked: no library can be preloaded" ./script
	finds 1 "$T/static: statically linked: no library can be preloaded" ./second
	finds 1 "$T/static: statically linked: no library can be preloaded" ./env2
	finds 0 './env1: starts a program by env: that one was not looked at' ./env1
	finds 0 '' ./env3 ./plain
	finds 1 '/nowhere/sh: No such file or directory' ./none
	printf '#!%s\n' "$T/loop" >loop
	chmod +x loop
	finds 1 "$T/loop: too many scripts of scripts" ./loop
}

@test "check: another processor, a damaged file, a folder, nothing" {
	cp "$EMPTY" foreign
	# e_machine: AArch64
	printf '\xb7\x00' | dd of=foreign bs=1 seek=18 conv=notrunc status=none
	finds 1 './foreign: not for x86-64' ./foreign
	cp "$EMPTY" 32bit
	printf '\x01' | dd of=32bit bs=1 seek=4 conv=notrunc status=none
	finds 1 './32bit: not for x86-64' ./32bit
	head -c 30 "$EMPTY" >short
	chmod +x short
	finds 1 './short: not for x86-64' ./short
	mkdir folder
	finds 1 './folder: not executable' ./folder
	finds 1 '/etc/passwd: not executable' /etc/passwd
	finds 1 'nosuchcommand: No such file or directory' nosuchcommand
}

@test "check: loaders of other C libraries, and none that is there" {
	local loader
	for loader in /lib/ld-strange.so.1 /lib64/ld-linux-none.so.2; do
		${CC:-gcc} -o "loader" -Wl,--dynamic-linker="$loader" "$EMPTY.c"
		case $loader in
		*strange*) finds 1 "./loader: its loader, $loader, is neither glibc's nor musl's" ./loader ;;
		*) finds 1 "./loader: its loader, $loader: No such file or directory" ./loader ;;
		esac
	done
}

@test "check: programs of musl, with their library and without; and they run" {
	require musl-gcc "$RUMP_LIBRARIES/rump-musl/librumphijack.so"
	musl-gcc -o musl -x c - <<<'#include <stdio.h>
		int main(void) { FILE *f = fopen("/rump/tmp/x", "w"); return !f || fputs("x", f) < 0 || fclose(f); }'
	finds 0 '' ./musl
	hijack ./musl
	mkdir lib
	ln -s "$RUMP_LIBRARIES"/* lib/
	rm lib/rump-musl lib/rump_hijack
	cp -L "$TOOL" lib/rump_hijack
	run timeout -k 5 "$limit" lib/rump_hijack check ./musl
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"./musl: a program of musl: the library for those, $T/lib/rump-musl/librumphijack.so, is missing" ]]
}

@test "check: a host without Syscall User Dispatch, or under seccomp, is told" {
	require python3
	cat >filter.py <<-'END'
		# a filter that refuses prctl(PR_SET_SYSCALL_USER_DISPATCH) as old kernels do
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None)
		def code(op, k, jt=0, jf=0):
		    return struct.pack("HBBI", op, jt, jf, k)
		program = b"".join([
		    code(0x20, 0), code(0x15, 157, 0, 3),           # prctl?
		    code(0x20, 16), code(0x15, 59, 0, 1),           # its first argument
		    code(0x06, 0x50000 | 22), code(0x06, 0x7fff0000)])
		buffer = ctypes.create_string_buffer(program)
		class Filter(ctypes.Structure):
		    _fields_ = [("length", ctypes.c_ushort), ("at", ctypes.c_void_p)]
		assert not libc.prctl(38, 1, 0, 0, 0)
		assert not libc.prctl(22, 2, ctypes.byref(Filter(len(program) // 8, ctypes.addressof(buffer))))
		os.execvp(sys.argv[1], sys.argv[1:])
	END
	run timeout -k 5 "$limit" python3 filter.py "$TOOL" check "$EMPTY"
	echo "$output"
	[ "$status" = 1 ]
	grep -q "the host's kernel has no Syscall User Dispatch" <<<"$output"
	grep -q '^note: a seccomp filter' <<<"$output"
	# and the preload itself: one line, functions only, the program runs
	run timeout -k 5 "$limit" python3 filter.py "$TOOL" ls /rump/proc/sys/kernel/ostype
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c 'without Syscall User Dispatch on this host' <<<"$output")" = 1 ]
	grep -qx /rump/proc/sys/kernel/ostype <<<"$output"
}

@test "the library is missing: one line, status 1" {
	mkdir alone
	cp -L "$TOOL" alone/rump_hijack
	run timeout -k 5 "$limit" alone/rump_hijack true
	echo "$output"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"librumphijack.so is neither beside this program nor "* ]]
	run timeout -k 5 "$limit" alone/rump_hijack check "$EMPTY"
	[ "$status" = 1 ]
	[[ $output == *"librumphijack.so is neither"* ]]
}
