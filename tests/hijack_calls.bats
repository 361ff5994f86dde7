#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The hijack's own rules, with a folder for a kernel: descriptors, waits, signals, boot, ends.

load lib
load hijack

setup_file() {
	load lib
	load hijack
	build_fake
}

setup() {
	new_root
}

# each case by each way of catching calls
cases() {
	local trap
	for trap in on eager; do
		rm -rf "${ROOT:?}"/* "$FAKE_RUMP_LOG"
		fake_with "trap=$trap,socket=unix" "$FAKE/hijacked" "$1" /rump || {
			echo "with trap=$trap: status $?"
			return 1
		}
		[ "$(boots)" = 1 ] && [ "$(shutdowns)" = 1 ] || {
			echo "with trap=$trap: $(boots) boots, $(shutdowns) shutdowns"
			return 1
		}
		! grep -q 'hijacked\|in the way' "$FAKE_RUMP_LOG" || false
	done
}

# the program itself is right: it holds on the host too
on_host() {
	mkdir -p "$T/host"
	timeout -k 5 "$limit" "$FAKE/hijacked" "$1" "$T/host"
}

@test "descriptors have true numbers" { on_host numbers; cases numbers; }
@test "RLIMIT_NOFILE holds and leaves no file behind" { on_host limits; cases limits; }
@test "a program that closes all descriptors does not hurt the kernel" {
	on_host close_all; cases close_all
}
@test "stdio, opendir and raw instructions are caught" { on_host inside_libc; cases inside_libc; }
@test "sendfile and splice across the border" { on_host copies; cases copies; }
@test "bad pointers give EFAULT, the program's own faults are its own" {
	on_host pointers; cases pointers
}
@test "signals interrupt, restart and are masked as on Linux" { on_host signals; cases signals; }
@test "programs and handlers on a signal stack" { on_host altstack; cases altstack; }
@test "poll on both sides" { on_host polls; cases polls; }
@test "select on both sides" { on_host selects; cases selects; }
@test "epoll on both sides" { on_host epolls; cases epolls; }
@test "eight threads boot one kernel" { on_host threads; cases threads; }
@test "fork, vfork and system" { cases forks; }
@test "the working directory on either side" { on_host cwds; cases cwds; }
@test "rename and link give EXDEV, devices differ" { cases borders; }

@test "all of it by symbols alone, where symbols lead" {
	local case
	for case in numbers limits polls selects epolls threads forks cwds borders copies; do
		rm -rf "${ROOT:?}"/*
		fake_with trap=off,socket=unix "$FAKE/hijacked" "$case" /rump
	done
}

@test "what slips past the symbols fails loudly on the placeholder" {
	fake_with trap=off "$FAKE/hijacked" slip /rump
}

@test "the kernel ends after the last write of the program, once" {
	local case
	for case in end_unflushed end_exit end_quick; do
		rm -f "$FAKE_RUMP_LOG"
		fake "$FAKE/hijacked" "$case" /rump
		[ "$(boots) $(shutdowns)" = "1 1" ]
	done
	[ "$(cat "$ROOT/unflushed")" = "written at exit" ]
}

@test "a signal that ends the program ends the kernel first" {
	run fake "$FAKE/hijacked" end_signal /rump
	[ "$status" = 143 ]
	[ "$(boots) $(shutdowns)" = "1 1" ]
	run fake "$FAKE/hijacked" end_fault /rump
	[ "$status" = 139 ]
}

@test "the telling tests of trapped calls" {
	local trap
	for trap in on lazy eager off; do
		RUMPHIJACK=path=/rump,trap=$trap LD_PRELOAD=$FAKE/librumphijack.so \
			timeout -k 5 60 "$FAKE/trapped"
	done
	[ "$(boots)" = 0 ]
}

@test "a program that does not touch rump boots nothing" {
	fake ls / >/dev/null
	fake bash -c 'echo x | cat; (exit 3); echo $(date)'
	fake python3 -c 'import os, threading; os.system("true")'
	[ "$(boots)" = 0 ]
}

@test "a boot that fails: the call's errno, one line why, the program goes on" {
	export FAKE_RUMP_FAIL=16 # EBUSY
	run fake cat /rump/a /rump/b /etc/hostname
	[ "$status" = 1 ]
	[[ $output == *"rumphijack: cannot boot the rump kernel: told to fail with 16"* ]]
	[ "$(grep -c rumphijack: <<<"$output")" = 1 ]
	[[ $output == *"/rump/a: Device or resource busy"* ]]
	[[ $output == *"/rump/b: Device or resource busy"* ]]
	[[ $output == *"$(cat /etc/hostname)"* ]]
	[ "$(boots)" = 1 ]
}

@test "no kernel library: one line, ENOSYS" {
	cp "$FAKE/librumphijack.so" "$T/"
	run timeout -k 5 60 env LD_LIBRARY_PATH= RUMPHIJACK=path=/rump \
		LD_PRELOAD="$T/librumphijack.so" cat /rump/a
	[ "$status" = 1 ]
	[[ $output == *"cannot load the rump kernel: librump.so.0"* ]]
	[[ $output == *"Function not implemented"* ]]
}

@test "a bad RUMPHIJACK: one line, the program runs; strict=yes exits with 2" {
	run env RUMPHIJACK=pth=/rump LD_PRELOAD="$FAKE/librumphijack.so" timeout -k 5 60 echo runs
	[ "$status" = 0 ]
	[[ $output == *"rumphijack: RUMPHIJACK: at 1: unknown word 'pth'"* ]]
	[[ $output == *runs ]]
	run env RUMPHIJACK=strict=yes,pth=/rump LD_PRELOAD="$FAKE/librumphijack.so" timeout -k 5 60 echo runs
	[ "$status" = 2 ]
	[[ $output != *runs ]]
	run env RUMPHIJACK= LD_PRELOAD="$FAKE/librumphijack.so" timeout -k 5 60 ls /rump
	[ "$status" = 2 ]
	[ "$(boots)" = 0 ]
}

@test "what the kernel starts with is handed over as lines of rump.conf" {
	cd "$T"
	echo x >"$ROOT/x"
	fake_with 'component=ext4,image=disk.img' cat /rump/x
	grep -F "conf RUMPHIJACK component ext4" "$FAKE_RUMP_LOG"
	grep -F "$T/disk.img" "$FAKE_RUMP_LOG"
}

@test "routes: /rumpdev is not /rump, .. goes out and in" {
	echo hello >"$ROOT/x"
	[ "$(fake cat /rump/x)" = hello ]
	[ "$(fake cat //rump//./x)" = hello ]
	[ "$(fake cat /etc/../rump/x)" = hello ]
	[ "$(fake cat /rump/../etc/hostname)" = "$(cat /etc/hostname)" ]
	run fake cat /rumpdev/x
	[ "$status" = 1 ]
	[ "$(cd / && fake cat rump/x)" = hello ]
	[ "$(cd /etc && fake cat ../rump/x)" = hello ]
	[ "$(fake readlink -f /rump/x)" = /rump/x ]
	[ "$(fake_with path=/mnt/other cat /mnt/other/x)" = hello ]
}

@test "blanket= is not stripped" {
	mkdir -p "$ROOT/opt/x" "$ROOT/opt/y"
	echo hello >"$ROOT/opt/x/file"
	run timeout -k 5 60 env RUMPHIJACK=blanket=/opt/x \
		LD_PRELOAD="$FAKE/librumphijack.so" cat /opt/x/file /opt/./z/../x/file
	[ "$output" = hello$'\n'hello ]
	run timeout -k 5 60 env RUMPHIJACK=blanket=/opt/x \
		LD_PRELOAD="$FAKE/librumphijack.so" bash -c 'cd /opt/x && pwd && read l <file && echo $l; cd ../y'
	[ "${lines[0]}" = /opt/x ]
	[ "${lines[1]}" = hello ]
	[[ ${lines[2]} == *"No such file"* ]]
}

@test "programs that lie in the rump kernel are started from there" {
	cp /bin/echo "$ROOT/echo"
	printf '#!/bin/sh\necho "$0" "$@"\n' >"$ROOT/script"
	printf '#!/rump/script with blanks\n' >"$ROOT/second"
	printf '#!\n' >"$ROOT/empty"
	echo text >"$ROOT/text"
	chmod +x "$ROOT"/{echo,script,second,empty}
	run fake env /rump/echo one two
	[ "${lines[-1]}" = "one two" ]
	run fake env /rump/script three
	[ "${lines[-1]}" = "/rump/script three" ]
	# an interpreter that is a script itself
	run fake env /rump/second four
	[ "${lines[-1]}" = "/rump/script with blanks /rump/second four" ]
	# no interpreter: execvp() gives it to the shell, as on the host
	run fake env /rump/empty
	[ "$status" = 0 ]
	run fake env /rump/text
	[ "$status" = 126 ]
	[[ $output == *"Permission denied"* ]]
	run fake env /rump/none
	[ "$status" = 127 ]
}
