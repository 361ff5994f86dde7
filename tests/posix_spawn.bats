#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Children in shared memory that are the first of their program to use the kernel.

load lib

setup_file() {
	load lib
	require "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3
	# not a script that looks for the right one
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	limit=150
}

teardown() {
	end_kernels
}

# Python's file actions are posix_spawn's; nothing of its own touches $D before.
start() {
	cat <<'END'
import os, sys, threading
D = os.environ["D"]
def spawn(*argv, **actions):
    fa = []
    for fd, (path, flags) in actions.items():
        fa.append((os.POSIX_SPAWN_OPEN, int(fd[2:]), path, flags, 0o644))
    return os.posix_spawn("/bin/" + argv[0], argv, os.environ, file_actions=fa)
def end(pid): return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
W = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
END
}

# spawned TEXT: the same on a folder of the host and on each kernel
spawned() {
	local script
	script=$(start)$'\n'$1
	# shellcheck disable=SC2016
	on_each_kernel same sh -c 'D=$D exec "$0" -c "$1"' "$PYTHON" "$script"
}

@test "the first open is a file action" {
	spawned '
print(end(spawn("echo", "hello", fd1=(D + "/out", W))))
print(open(D + "/out").read(), os.listdir(D))
print(end(spawn("cat", fd0=(D + "/out", os.O_RDONLY), fd1=(D + "/copy", W))))
print(open(D + "/copy").read(), sorted(os.listdir(D)))'
}

@test "the first open fails: its errno is posix_spawn's" {
	spawned '
try:
    spawn("cat", fd0=(D + "/none", os.O_RDONLY))
except OSError as error:
    print(error)
print(os.listdir(D), end(spawn("ls", D)))'
}

@test "the first exec is of a file in the kernel" {
	spawned '
try:
    os.posix_spawn(D + "/none", ["none"], os.environ)
except OSError as error:
    print(error)
print(os.listdir(D))'
}

@test "many at once, from several threads, are one program" {
	spawned '
def some(n):
    for i in range(5):
        end(spawn("echo", str(n * 5 + i), fd1=(D + "/%d.%d" % (n, i), W)))
threads = [threading.Thread(target=some, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted((f, open(D + "/" + f).read()) for f in os.listdir(D)))'
}

@test "the parent has as many descriptors afterwards, and the same ones" {
	spawned '
a = os.open("/dev/null", os.O_RDONLY)
print([end(spawn("true", fd1=(D + "/out", W))) for i in range(20)])
b = os.open("/dev/null", os.O_RDONLY)
c = os.open(D + "/out", os.O_RDONLY)
print(a, b, c, os.fstat(a) == os.fstat(b))'
}

# dd writes by write(), not by stdio, which only the trap sees
@test "without the trap" {
	echo hello >"$T/hello"
	run rump_with path=/rump,trap=off env D=/rump/tmp "$PYTHON" -c "$(start)
print(end(spawn('dd', 'if=$T/hello', 'status=none', fd1=(D + '/out', W))))
print(open(D + '/out').read())"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = 0$'\n'hello ]
}

_over_tcp() {
	start_tcp_server
	run client env D=/rump/tmp "$PYTHON" -c "$(start)
a = [end(spawn('echo', 'hello', fd1=(D + '/out', W))) for i in range(3)]
print(a, open(D + '/out').read())"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "[0, 0, 0] hello" ]
	stop_server
}

@test "over tcp" {
	_over_tcp
}

@test "a server that is not there: ENOTCONN, one line" {
	export RUMP_SERVER=unix://$T/none RUMPHIJACK_RETRYCONNECT=once
	run rump_with path=/rump env D=/rump/tmp "$PYTHON" -c "$(start)
for i in range(2):
    try:
        spawn('cat', fd0=(D + '/x', os.O_RDONLY))
    except OSError as error:
        print(error.errno)"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^107$' <<<"$output")" = 2 ]
	[ "$(grep -c rumphijack: <<<"$output")" = 1 ]
}
