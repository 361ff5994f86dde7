#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What trapping and patching system call instructions may break: every shape of them, and
# the programs that tell.  tests/hijack_calls.bats has tests/prog/trapped.c.

load lib

setup_file() {
	load lib
	require "$LIBRUMPHIJACK" "${CC:-gcc}"
	local name
	for name in sites own_dispatch no_dispatch; do
		${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g \
			-o "$BATS_FILE_TMPDIR/$name" "$RUMP_TOP/tests/prog/$name.c" -lpthread
	done
	# it lies out of reach of a jump from the library
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O1 -g -no-pie -o "$BATS_FILE_TMPDIR/sites_fixed" \
		"$RUMP_TOP/tests/prog/sites.c" -lpthread
}

teardown() { end_kernels; }

# traps COMMAND...: how many there are under $mode
traps() {
	strace -f -qq -e trace=none -e signal=SIGSYS -o "$T/strace" \
		-E LD_LIBRARY_PATH="$RUMP_LIBRARIES" -E LD_PRELOAD="$LIBRUMPHIJACK" \
		-E RUMPHIJACK="path=/rump,trap=$mode" timeout -k 5 "$limit" "$@" >/dev/null
	grep -c SYS_USER_DISPATCH "$T/strace" || :
}

@test "every shape of a call site, on the host" {
	timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/sites" /proc/version
}

@test "every shape of a call site, by each mode" {
	needs_local "the modes are the library's"
	local mode name
	for mode in on lazy eager; do
		for name in sites sites_fixed; do
			echo "$name, trap=$mode"
			rump_with "path=/rump,trap=$mode" "$BATS_FILE_TMPDIR/$name" /rump/proc/version
		done
	done
}

_sites() {
	client "$BATS_FILE_TMPDIR/sites" /rump/proc/version
}

@test "the same with the kernel elsewhere" { on_each_kernel _sites; }

@test "patched sites do not trap, with eager from the first time on" {
	require strace
	local often once at_start
	# a find of the host's, deep inside libc
	often=$(mode=on traps find /usr/include)
	once=$(mode=eager traps find /usr/include)
	at_start=$(mode=eager traps find /usr/include/unistd.h)
	find /usr/include | wc -l
	echo "$often traps, eager $once, of one file $at_start"
	[ "$once" -lt "$often" ]
	[ "$often" -lt "$(find /usr/include | wc -l)" ]
}

@test "eager patches what is loaded later" {
	require python3
	rump_with path=/rump,trap=eager python3 -c '
import ctypes, os, threading
threads = [threading.Thread(target=os.getppid) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
import hashlib, json, socket, sqlite3, ssl
print(open("/rump/proc/version").read())'
}

@test "a program that wants the trap for itself" {
	timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/own_dispatch" /proc/version
	run rump "$BATS_FILE_TMPDIR/own_dispatch" /rump/proc/version
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "read 2 times, dispatch 0, caught 0" ]
}

@test "script(1): a shell on a terminal of its own" {
	require script
	# shellcheck disable=SC2016
	run rump script -qec 'tty; stty size; echo hello >/rump/tmp/x; cat /rump/tmp/x; exit 3' /dev/null
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *hello* ]]
}

_terminal() {
	local words=path=/rump
	[ -z "${RUMP_TEST_KERNEL:-}" ] || words+=,kernel=$RUMP_TEST_KERNEL
	# the terminal's side is the host's
	[ "$(tagged timeout -k 5 "$limit" python3 "$RUMP_TOP/tests/terminal.py" /rump/tmp \
		env RUMPHIJACK="$words" LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		LD_PRELOAD="$LIBRUMPHIJACK" bash --norc -i)" = 7 ]
}

@test "^C and ^Z on a terminal, of programs that are in a call" {
	require python3
	mkdir -p "$T/host"
	[ "$(timeout -k 5 "$limit" python3 "$RUMP_TOP/tests/terminal.py" "$T/host" bash --norc -i)" = 7 ]
	on_each_kernel _terminal
}

_cgo() {
	run client "$BATS_FILE_TMPDIR/cgo" /rump/tmp
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "by Go"$'\n6\n'"by Go"$'\n<nil>\n'"by a socket" ]
}

# _go NAME: builds tests/prog/NAME.go
_go() {
	require go
	(cd "$BATS_FILE_TMPDIR" && cp "$RUMP_TOP/tests/prog/$1.go" . &&
		GO111MODULE=off GOFLAGS= GOCACHE=$BATS_FILE_TMPDIR/cache timeout -k 5 200 go build -o "$1" "$1.go")
}

@test "Go with cgo: goroutines, programs, sockets" {
	_go cgo
	socket=inet on_each_kernel _cgo
}

_go_http() {
	run client "$BATS_FILE_TMPDIR/go_http" 127.0.0.1 ::1
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "50 posts 127.0.0.1"$'\n'"50 posts ::1" ]
}

@test "Go with cgo: a web server and its clients" {
	_go go_http
	socket=inet:inet6 on_each_kernel _go_http
}

@test "strace -f under the preload, whose child starts the kernel" {
	require strace
	run rump strace -f -o "$T/strace" sh -c 'cat /rump/proc/version; ls /rump | grep proc'
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[0]} == Linux* && ${lines[1]} == proc ]]
	# the program's own calls are seen, and the trap is no signal of theirs
	grep -q 'execve("/.*cat"' "$T/strace"
}

@test "gdb under the preload, and the preload under gdb" {
	require gdb
	run rump gdb -q -nx -batch -ex 'handle SIGSEGV SIGSYS nostop noprint pass' -ex 'break exit' \
		-ex run -ex 'bt 1' -ex continue --args cat /rump/proc/version
	echo "$output"
	[[ $output == *"Linux version"* && $output == *"#0 "*exit* && $output == *"exited normally"* ]]
	run timeout -k 5 "$limit" gdb -q -nx -batch -ex 'handle SIGSEGV SIGSYS nostop noprint pass' \
		-ex "set exec-wrapper env LD_PRELOAD=$LIBRUMPHIJACK LD_LIBRARY_PATH=$RUMP_LIBRARIES RUMPHIJACK=path=/rump" \
		-ex 'break exit' -ex run -ex 'bt 1' -ex continue --args cat /rump/proc/version
	echo "$output"
	[[ $output == *"Linux version"* && $output == *"#0 "*exit* && $output == *"exited normally"* ]]
}

@test "other libraries that replace malloc(), in front and behind" {
	require python3
	local library found=0
	for library in libjemalloc.so.2 libmimalloc.so.2; do
		[ -e "/usr/lib/x86_64-linux-gnu/$library" ] || continue
		found=$((found + 1))
		for preload in "$library:$LIBRUMPHIJACK" "$LIBRUMPHIJACK:$library"; do
			echo "$preload"
			timeout -k 5 "$limit" env LD_PRELOAD="$preload" LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
				RUMPHIJACK=path=/rump python3 -c '
import os, threading
def read(): assert open("/rump/proc/version").read()
threads = [threading.Thread(target=read) for i in range(20)]
for t in threads: t.start()
for t in threads: t.join()
if not os.fork(): read(); os._exit(3)
assert os.wait()[1] == 3 << 8'
		done
	done
	[ $found != 0 ] || skip_or_fail libjemalloc2 libmimalloc2.0
}

@test "programs built with -fsanitize=address" {
	cat >"$T/asan.c" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			char *memory = malloc(100);
			FILE *file = fopen(argv[1], "r");
			if (!file || !fgets(memory, 100, file))
				return 1;
			fclose(file);
			puts(memory);
			memory[99 + argc] = 0;
			free(memory);
			return 0;
		}
	END
	local runtime
	${CC:-gcc} -g -fsanitize=address -o "$T/asan" "$T/asan.c"
	runtime=$(ldd "$T/asan" | awk '/asan/ { print $3 }')
	run timeout -k 5 "$limit" env LD_PRELOAD="${runtime:+$runtime:}$LIBRUMPHIJACK" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMPHIJACK=path=/rump "$T/asan" /rump/proc/version
	echo "$output"
	[ "$status" != 0 ]
	[[ $output == *heap-buffer-overflow* && $output == *asan.c:11* ]]
	run timeout -k 5 "$limit" env LD_PRELOAD="$LIBRUMPHIJACK" ASAN_OPTIONS=verify_asan_link_order=0 \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMPHIJACK=path=/rump "$T/asan" /rump/proc/version
	echo "$output"
	[[ $output == *heap-buffer-overflow* && $output == *asan.c:11* ]]
}

@test "a program with a sandbox: file" {
	require file
	cp /bin/ls "$T/ls"
	[ "$(rump sh -c 'cp "$0" /rump/tmp/ls && file -b /rump/tmp/ls' "$T/ls")" = "$(file -b "$T/ls")" ]
}

@test "dd bs=1" {
	seq 2000 >"$T/in"
	rump sh -c 'dd bs=1 if="$0" of=/rump/tmp/x status=none && dd bs=1 if=/rump/tmp/x status=none' \
		"$T/in" | cmp - "$T/in"
}

@test "stress-ng: signals, stacks, threads, children" {
	require stress-ng
	local stressor failed=0
	for stressor in signest stack sigsuspend sigq sigsegv sigtrap sigfpe clone fork vfork pthread \
		context futex itimer mmapfork; do
		rump stress-ng --temp-path "$T" "--$stressor" 2 --timeout 1 >"$T/out" 2>&1 || {
			echo "$stressor: status $?"
			cat "$T/out"
			failed=1
		}
	done
	[ $failed = 0 ]
}

@test "a small RLIMIT_STACK; addresses at their places" {
	(ulimit -s 128 && rump cat /rump/proc/version)
	rump setarch -R cat /rump/proc/version
}

@test "valgrind: the program runs, and its own mistakes are found" {
	require valgrind
	cat >"$T/wrong.c" <<-'END'
		#include <stdlib.h>
		int main(void)
		{
			char *volatile memory = malloc(10);
			memory[10] = 1;
			return 0;
		}
	END
	${CC:-gcc} -g -O0 -o "$T/wrong" "$T/wrong.c"
	run rump valgrind "$T/wrong"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Invalid write of size 1"*"wrong.c:5"* ]]
	run rump valgrind -q cat /rump/proc/version
	[ "$status" = 0 ]
	[[ $output == *"Linux version"* ]]
}

@test "a host that has no trap: functions only, and one line" {
	local line="without Syscall User Dispatch on this host"
	run timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/no_dispatch" env LD_PRELOAD="$LIBRUMPHIJACK" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMPHIJACK=path=/rump cat /rump/proc/version
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[0]} == *"$line"* && ${lines[1]} == Linux* && ${#lines[@]} = 2 ]]
	run timeout -k 5 "$limit" "$BATS_FILE_TMPDIR/no_dispatch" env LD_PRELOAD="$LIBRUMPHIJACK" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMPHIJACK=path=/rump,trap=off cat /rump/proc/version
	[[ $status = 0 && ${#lines[@]} = 1 ]]
}

@test "programs that close everything, have few descriptors or are not to be dumped" {
	require python3
	rump python3 -c '
import os, resource
os.closerange(0, 4096)
fd = os.open("/rump/tmp/x", os.O_RDWR | os.O_CREAT)
assert fd == 0, fd
os.write(fd, b"hello")
os.closerange(0, 4096)
assert os.read(os.open("/rump/tmp/x", os.O_RDONLY), 9) == b"hello"'
	rump python3 -c '
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
assert os.open("/rump/proc/version", os.O_RDONLY) < 8'
	rump_with path=/rump,kernel=spawn python3 -c '
import ctypes, os, resource
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (8, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
assert os.open("/rump/proc/version", os.O_RDONLY) < 8'
}
