#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Debian's tools that look at paths in uncommon ways: mounts, roots, watches, sockets, sysctl.

load lib
load report

setup_file() {
	load lib
	load report
	build_report
	require findmnt setfacl getfacl setfattr getfattr inotifywait socat sysctl python3
}

teardown_file() {
	end_report
}

teardown() {
	end_kernels
}

@test "mount, umount, findmnt, mountpoint, df" {
	needs_root
	each "$BASH" -ec 'mkdir /rump/m /rump/n
		mount -t tmpfs -o size=1m none /rump/m
		[ "$(findmnt -rno FSTYPE,TARGET /rump/m)" = "tmpfs /rump/m" ]
		[ "$(df --output=target /rump/m | tail -n 1)" = /rump/m ]
		mount | grep -q "on /rump/m type tmpfs"
		grep -q " /rump/m tmpfs " /proc/self/mounts
		mountpoint -q /rump/m
		echo x >/rump/m/file
		mount --bind /rump/m /rump/n
		[ "$(cat /rump/n/file)" = x ]
		mount -o remount,ro /rump/m
		if echo y 2>/dev/null >/rump/m/file; then exit 1; fi
		umount /rump/n
		umount /rump/m
		if mountpoint -q /rump/m; then exit 1; fi
		if findmnt /rump/m; then exit 1; fi
		[ "$(ls -A /rump/m /rump/n | grep -c file)" = 0 ]
		# a source and a target of the rump kernel only
		if mount --bind /rump/m "$1" 2>/dev/null; then exit 1; fi
		if mount --bind "$1" /rump/m 2>/dev/null; then exit 1; fi' bash "$T"
	! grep -q rump /proc/mounts || false
}

@test "df without a path tells of the image before anything has used it" {
	each df --output=fstype,target
	grep -q 'ext4 */rump$' "$T/out"
}

@test "chroot into the rump kernel" {
	needs_root
	each "$BASH" -ec 'mkdir -p /rump/root/bin /rump/root/etc
		cp /bin/ls /bin/bash /rump/root/bin
		echo inside >/rump/root/etc/hostname
		[ "$(chroot /rump/root /bin/ls /)" = $'"'bin\\netc'"' ]
		cd /rump/root
		chroot . /bin/bash -ec "[ \$PWD = / ]; read -r line </etc/hostname; [ \$line = inside ]
			cd etc; [ \$PWD = /etc ]; [ -e ../../../etc/hostname ]; echo x >/new
			[ ! -e /usr ]; [ ! -e /rump ]; exec /bin/bash -c \"echo again >>/new\""
		[ "$(cat /rump/root/new)" = $'"'x\\nagain'"' ]
		[ "$(pwd)" = /rump/root ] && [ -e /usr ]'
}

@test "access control lists and attributes" {
	each "$BASH" -ec 'echo x >/rump/file
		setfacl -m u:1234:rw,g:5678:r /rump/file
		getfacl -ncp /rump/file | grep -q "^user:1234:rw-"
		setfacl -d -m u:1234:rwx /rump
		mkdir /rump/d; getfacl -ncp /rump/d | grep -q "^default:user:1234:rwx"
		getfacl -p /rump/file >"$1/acl"
		(cd /; setfacl -b /rump/file; setfacl --restore=-) <"$1/acl"
		getfacl -ncp /rump/file | grep -q "^group:5678:r--"
		setfattr -n user.name -v value /rump/file
		[ "$(getfattr --only-values -n user.name /rump/file)" = value ]
		cp --preserve=all /rump/file /rump/copy
		getfacl -ncp /rump/copy | grep -q "^user:1234:rw-"
		[ "$(getfattr --only-values -n user.name /rump/copy)" = value ]' bash "$T"
}

@test "inotifywait on both sides, tail -F" {
	each "$BASH" -ec 'mkdir -p /rump/d "$1/d"
		inotifywait -qm -e create --format "%w%f" /rump/d "$1/d" >"$1/seen" &
		until [ -s "$1/seen" ]; do
			rm -f /rump/d/a; touch /rump/d/a; sleep 0.05
		done
		touch "$1/d/b"
		until grep -q "d/b$" "$1/seen"; do sleep 0.05; done
		grep -qx /rump/d/a "$1/seen"
		kill $!; wait || :
		echo 1 >/rump/log
		tail -F /rump/log >"$1/log" 2>/dev/null &
		until grep -q 1 "$1/log"; do sleep 0.05; done
		echo 2 >>/rump/log
		until grep -q 2 "$1/log"; do sleep 0.05; done
		mv /rump/log /rump/log.1; echo 3 >/rump/log
		until grep -q 3 "$1/log"; do sleep 0.05; done
		kill $!; wait || :
		rm -r "$1"/{d,seen,log}' bash "$T"
}

@test "socat over a socket in the rump kernel" {
	each "$BASH" -ec 'socat UNIX-LISTEN:/rump/socket,fork EXEC:"tr a-z A-Z" &
		until [ -S /rump/socket ]; do sleep 0.05; done
		[ "$(echo hello | socat - UNIX-CONNECT:/rump/socket)" = HELLO ]
		cd /rump
		[ "$(echo again | socat - UNIX-CONNECT:socket)" = AGAIN ]
		kill $!; wait || :
		if socat - UNIX-CONNECT:/rump/socket </dev/null 2>/dev/null; then exit 1; fi
		socat UNIX-RECVFROM:/rump/datagrams SYSTEM:"cat >/rump/got" &
		until [ -S /rump/datagrams ]; do sleep 0.05; done
		echo datagram | socat - UNIX-SENDTO:/rump/datagrams
		wait
		[ "$(cat /rump/got)" = datagram ]'
	[ ! -e /rump ]
}

@test "python: a server on a socket of either side, asyncio" {
	each python3 -c '
import asyncio, os, sys, tempfile
async def serve(path):
    async def echo(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
    server = await asyncio.start_unix_server(echo, path)
    assert server.sockets[0].getsockname() == path
    reader, writer = await asyncio.open_unix_connection(path)
    assert writer.get_extra_info("peername") == path
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    writer.close()
    server.close()
    await server.wait_closed()
async def both():
    with tempfile.TemporaryDirectory() as host:
        await asyncio.gather(serve("/rump/socket"), serve(host + "/socket"))
asyncio.run(both())'
}

@test "sysctl and uname with sysctl=yes" {
	needs_root
	local words=sysctl=yes before
	before=$(sysctl -n kernel.hostname vm.swappiness)
	each "$BASH" -ec 'sysctl -qw kernel.hostname=other vm.swappiness=17
		[ "$(uname -n)" = other ]
		[ "$(cat /proc/sys/kernel/hostname)" = other ]
		[ "$(sysctl -n vm.swappiness)" = 17 ]
		hostname third; [ "$(sysctl -n kernel.hostname)" = third ]
		ls /proc/sys/kernel | grep -qx hostname
		[ -d /proc/sys/net ] && [ ! -e /proc/sys/none ]
		sysctl -a 2>/dev/null | grep -q "^vm.swappiness = 17"'
	[ "$(sysctl -n kernel.hostname vm.swappiness)" = "$before" ]
	words=
	each "$BASH" -ec '[ "$(uname -n; cat /proc/sys/vm/swappiness)" = "$1" ]' bash "$before"
}

@test "ls -l /proc/self/fd shows what the program has open, and no more" {
	each "$BASH" -ec 'exec 3>/rump/file 4</dev/null
		[ "$(readlink /proc/self/fd/3)" = /rump/file ]
		ls -l /proc/self/fd/ | grep -q " 3 -> /rump/file$"
		# the directory is the one that is not there any more
		python3 -c "import os
for fd in os.listdir(\"/proc/self/fd\"):
    try: os.fstat(int(fd))
    except OSError as e: print(fd, e)" >"$1/left"
		[ "$(wc -l <"$1/left")" = 1 ]
		echo text >/dev/fd/3; [ "$(cat /rump/file)" = text ]
		[ "$(cat /dev/stdin <<<here)" = here ]
		[ "$(cat /dev/stdin </rump/file)" = text ]
		[ "$(tee /dev/stderr 2>/rump/err </rump/file; cat /rump/err)" = $'"'text\\ntext'"' ]' \
		bash "$T"
}
