#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# tools/gdb/rump.py: the kernel's tasks and their stacks, in a process and in a core.

load lib
load programs

setup_file() {
	load lib
	require gdb
	build_program blocked blocked.c
}

setup() {
	require gdb
	RUMP_VERBOSE=0 "$PROGRAMS/blocked" >"$BATS_TEST_TMPDIR/pid" 3>&- &
	process=$!
	for _ in $(seq 300); do
		[ ! -s "$BATS_TEST_TMPDIR/pid" ] || break
		kill -0 "$process"
		sleep 0.1
	done
	task=$(cat "$BATS_TEST_TMPDIR/pid")
	[ -n "$task" ]
}

teardown() {
	end_process
}

end_process() {
	[ -n "${process:-}" ] || return 0
	kill -9 "$process"
	wait "$process" 2>/dev/null || true
	process=
}

# debugger TARGET... -- COMMAND...: what gdb says to our commands
debugger() {
	local target=() commands=()
	while [ "$1" != -- ]; do
		target+=("$1")
		shift
	done
	shift
	for command; do
		commands+=(-ex "$command")
	done
	timeout -k 5 120 gdb -nx -q -batch -iex 'set debuginfod enabled off' \
		-iex 'set auto-load safe-path /' "${target[@]}" \
		-ex "source $RUMP_TOP/tools/gdb/rump.py" "${commands[@]}" 2>&1
}

# the blocked lwp among the tasks, with its host thread, and its stack
shows_tasks() {
	local output=$1
	# a kernel thread that every kernel has, and pid 1
	grep -Eq '^ +2 +2 S .* \[kthreadd\]$' <<<"$output"
	grep -Eq '^ +1 +1 . .* ' <<<"$output"
	grep -Eq "^ +[0-9]+ +$task S +[0-9]+ +[0-9]+ " <<<"$output"
}

shows_stack_of_reader() {
	local output=$1
	grep -Eq '^#0 .* in rump_switch_stack <- __switch_to at .*rump\.h:[0-9]+$' <<<"$output"
	grep -Eq '^#[0-9]+ .* schedule at .*/core\.c:[0-9]+$' <<<"$output"
	grep -Eq '^#[0-9]+ .* (anon_)?pipe_read at .*/pipe\.c:[0-9]+$' <<<"$output"
	grep -Eq '^#[0-9]+ .* rump_user_loop at .*/vcpu\.c:[0-9]+$' <<<"$output"
	grep -Eq '^#[0-9]+ .* rump_task_start at ' <<<"$output"
}

@test "a live process: rump-ps and rump-bt" {
	run debugger -p "$process" -- rump-ps "rump-bt $task"
	echo "$output"
	shows_tasks "$output"
	shows_stack_of_reader "$output"
}

@test "a core: rump-ps and rump-bt" {
	local core=$BATS_TEST_TMPDIR/core
	debugger -p "$process" -- "generate-core-file $core"
	end_process
	run debugger "$PROGRAMS/blocked" "$core" -- rump-ps "rump-bt $task"
	echo "$output"
	shows_tasks "$output"
	shows_stack_of_reader "$output"
}

@test "rump-bt all shows every task that rump-ps lists" {
	run debugger -p "$process" -- rump-ps 'echo ----\n' 'rump-bt all'
	echo "$output"
	local pids
	pids=$(sed -n '/----/q;s/^ *[0-9]\+ \+\([0-9]\+\) [A-Za-z] .*/\1/p' <<<"$output")
	[ "$(wc -l <<<"$pids")" -gt 10 ]
	for pid in $pids; do
		grep -Eq "^$pid [^ ]" <<<"$(sed '1,/----/d' <<<"$output")"
	done
}

@test "a task that runs is shown by its host thread" {
	run debugger "$PROGRAMS/blocked" -- 'set breakpoint pending on' \
		'handle SIGSEGV nostop noprint pass' 'break pipe_read' run rump-ps \
		'python print_stack(next(t for t in tasks() if runner(t) is not None))'
	echo "$output"
	grep -Eq '^ +[0-9]+ +[0-9]+ R .* runs on host thread [0-9]+$' <<<"$output"
	grep -Eq '^runs on host thread [0-9]+$' <<<"$output"
	grep -Eq '^#0 .*pipe_read ' <<<"$output"
	grep -Eq '^#[0-9]+ .* rump_user_loop ' <<<"$output"
}

@test "mistakes are told in words" {
	run debugger -p "$process" -- 'rump-bt 999999'
	[[ $output == *"no task 999999: rump-ps lists them"* ]]
	run debugger -p "$process" -- 'rump-bt'
	[[ $output == *"want rump-bt PID"* ]]
	run debugger /bin/true -- rump-ps
	[[ $output == *"no rump kernel here"* ]]
}
