#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# log=FILE and log=unrouted: what goes where, a line a call.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" python3
}

setup() {
	cd "$T"
	log=$T/log
}

teardown() {
	end_kernels
}

# logged PATTERN: some line is "THREAD PATTERN"
logged() {
	grep -Eq "^[0-9]+ $1\$" "$log" || {
		echo "no line: $1"
		cat "$log"
		return 1
	}
}

# with_log WORDS COMMAND...
with_log() {
	local words=$1
	shift
	rm -f "$log"
	# bats has two of the first numbers
	tagged rump_with "path=/rump,$words" "$@" 3>&- 4>&-
}

@test "a routed call is one line: descriptors, paths, modes, errors by name" {
	lines_of_calls() {
		with_log "log=$log" python3 -c '
import os
os.mkdir("/rump/tmp/d", 0o751)
fd = os.open("/rump/tmp/d/x", os.O_WRONLY | os.O_CREAT, 0o640)
os.write(fd, b"hello")
os.rename("/rump/tmp/d/x", "/rump/tmp/d/y")
os.chdir("/rump/tmp/d")
os.open("y", os.O_RDONLY, dir_fd=os.open(".", os.O_RDONLY))
os.ftruncate(fd, 4096)
os.open("/etc/hostname", os.O_RDONLY)
os.close(fd)
try:
    os.stat("/rump/tmp/none")
except OSError:
    pass'
		logged 'kernel: .*'
		logged 'mkdir\("/rump/tmp/d", 0751\) = 0'
		logged 'open\("/rump/tmp/d/x", 0x80041, 0640\) = 3'
		logged 'write\(3, 0x[0-9a-f]+, 5\) = 5'
		logged 'rename\("/rump/tmp/d/x", "/rump/tmp/d/y"\) = 0'
		logged 'chdir\("/rump/tmp/d"\) = 0'
		logged 'openat\(4, "y", 0x80000, 0\) = 5'
		logged 'ftruncate\(3, 4096\) = 0'
		logged 'close\(3\) = 0'
		logged 'stat\("/rump/tmp/none", 0x[0-9a-f]+\) = -ENOENT'
		! grep hostname "$log" || false
		# nothing but lines of calls and the one of the kernel
		! grep -vE '^[0-9]+ (kernel: |[a-z0-9_]+\(.*\) = (-?[0-9]+|0x[0-9a-f]+|-E[A-Z0-9]+)( \[.*\])?$)' "$log" || false
	}
	on_each_kernel lines_of_calls
}

@test "waits on several descriptors and addresses are shown" {
	with_log "socket=all,log=$log" python3 -c '
import os, select, socket
a, b = socket.socketpair()
r, w = os.pipe()
p = select.poll()
for fd, events in (a, 1), (b, 5), (r, 1):
    p.register(fd, events)
p.poll(10)
select.select([a, r], [b], [], 1)
e = select.epoll()
e.register(b, 5)
e.register(r, 1)
e.poll(1)
for address in ("127.0.0.1", 80),:
    try:
        socket.socket().connect(address)
    except OSError:
        pass
try:
    socket.socket(socket.AF_UNIX).connect("/rump/none")
except OSError:
    pass'
	logged 'socketpair\(1, 0x80001, 0, 0x[0-9a-f]+\) = 0 \[3, 4\]'
	logged 'poll\(\[\{3, 0x1\}, \{4, 0x5, 0x4\}, \{5, 0x1\}\], 3, 0xa\) = 1'
	logged 'select\(6, \[\], \[4\], (NULL|\[\]), 0x[0-9a-f]+\) = 1'
	logged 'epoll_wait\(7, 0x[0-9a-f]+, 0x[0-9a-f]+, .*\) = 1 \[\{0x4, 0x4\}\]'
	logged 'connect\([0-9]+, 127.0.0.1:80, 0x10\) = -ECONNREFUSED'
	logged 'connect\([0-9]+, unix:"/.*none", 0x[0-9a-f]+\) = -ENOENT'
}

@test "a program that is executed out of the rump kernel is shown before it runs" {
	with_log "log=$log" sh -c 'cp /bin/true /rump/tmp/ && /rump/tmp/true'
	logged 'execve(at)?\(.*"/rump/tmp/true", .*\) = \?'
}

@test "lines of many threads and processes are whole" {
	with_log "log=$log" python3 -c '
import os, threading
def work(n):
    for i in range(200):
        try:
            os.stat("/rump/%d-%d" % (n, i))
        except OSError:
            pass
for child in range(2):
    if not os.fork():
        work(100 + child)
        os._exit(0)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
os.wait(), os.wait()'
	[ "$(grep -cE '^[0-9]+ stat\("/rump/[0-9]+-[0-9]+", 0x[0-9a-f]+\) = -ENOENT$' "$log")" = 1200 ]
}

@test "a relative name means the directory of the start, also in children" {
	mkdir sub
	with_log log=log sh -c 'cd sub && echo x >/rump/tmp/f && cat /rump/tmp/f' | grep -qx x
	logged 'read\(3, .*\) = 2'
	[ -z "$(ls sub)" ]
}

@test "log=unrouted tells why a call of the host looks like one of ours" {
	ln -s /rump/tmp tolink
	ln -s tolink/.. twice
	with_log "log=$log,log=unrouted" python3 -c '
import os, sys
fd = os.open("/rump/tmp/x", os.O_RDWR | os.O_CREAT)
def fails(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        return
    sys.exit("worked: %r" % (arguments,))
fails(os.stat, "tolink/x")
fails(os.stat, os.getcwd() + "/twice/none")
os.lstat("tolink")
os.readlink("tolink")
fails(os.stat, "/nonexistent/rump/x")
os.stat("/etc/passwd")'
	logged 'unrouted: (new)?f?statx?(at)?\(.*"tolink/x", .*\) = -ENOENT: a symlink of the host leads to "/rump/tmp/x"'
	logged 'unrouted: .*/twice/none", .* leads to "/rump/tmp/../none"'
	[ "$(grep -c ' unrouted: ' "$log")" = 2 ]
	# a descriptor that came by a program without the preload
	run with_log "log=$log,log=unrouted" sh -c 'echo x >/rump/tmp/x; exec 5</rump/tmp/x
		exec env -u LD_PRELOAD preload="$LD_PRELOAD" sh -c "LD_PRELOAD=\$preload exec cat <&5"'
	[ "$status" = 1 ]
	logged 'unrouted: f.*stat.*\(0, .*: 0 is a descriptor of a rump kernel, but of none that is known here'
}

@test "log=unrouted alone goes to standard error, be it closed later" {
	ln -s /rump/tmp tolink
	run with_log log=unrouted python3 -c '
import os
os.close(2)
os.mkdir("/rump/tmp/y")
try:
    os.stat("tolink/x")
except OSError:
    pass'
	echo "$output"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} == *" unrouted: "*"tolink/x"*"/rump/tmp/x"* ]]
}

@test "a program's results and errno are the same with and without a log" {
	local script='ls -la /rump/tmp /rump/none; ls -a /rump; cat /rump/none; echo x >/rump/tmp/a/b; cd /rump && pwd; ls tmp'
	rump_with path=/rump sh -c "$script" >without 2>&1 || echo "$?" >>without
	rump_with "path=/rump,log=$log,log=unrouted" sh -c "$script" >with 2>&1 || echo "$?" >>with
	# but for the times
	diff <(sed -E "s/[A-Z][a-z]{2} +[0-9]+ [0-9:]+//" without) <(sed -E "s/[A-Z][a-z]{2} +[0-9]+ [0-9:]+//" with)
}

@test "a log that cannot be written is told once; the program goes on" {
	run rump_with "path=/rump,log=$T/no/log" sh -c 'ls /rump >/dev/null; ls /rump/tmp'
	echo "$output"
	[ "$status" = 0 ]
	grep -q "cannot write the log .*/no/log" <<<"$output"
}
